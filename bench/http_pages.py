"""``python -m bench.http_pages``: how long every page of the web pages takes on a server with 10,000 accounts in 200
domains, 10,000 messages in the queue, 100,000 audit lines, 20,000 traces and measurements of a year.

The rows are written straight into the database of a stopped server; then each page is fetched over loopback by one
client, one request at a time, signed in as a server administrator.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import smtplib
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "doubles"))

from running import PASSWORD, RunningServer

from bench.processes import cpu_seconds
from bench.rows import example, multiply
from posthouse.manage.measurements import Topic
from posthouse.web import all as _every_page  # noqa: F401 - registers them
from posthouse.web.page import pages

ADMIN = "root@domain000.bench"
DOMAINS, ACCOUNTS, QUEUED, AUDIT, TRACES = 200, 10_000, 10_000, 100_000, 20_000
DAY = 86_400
AIM = 50.0
"""Milliseconds that a page may take."""

VARIANTS = {
    "/admin/accounts": [
        "",
        "?after=person09950@domain199.bench",
        "?search=person099",
        "?domain=domain100.bench",
    ],
    "/admin/aliases": ["", "?after=info100@domain100.bench", "?search=info19"],
    "/admin/domains": ["", "?after=domain150.bench", "?search=19"],
    "/admin/queue": ["", "?after=9000", "?search=person099"],
    "/admin/audit": ["", "?after=50000", "?actor=nobody", "?subject=person0999", "?use=account.quota"],
    "/admin/trace": ["", f"?message={ADMIN}", "?message=person09990@domain190.bench"],
    "/admin/settings": ["", "?search=smtp", "?topic=imap"],
    "/admin/domains/{name}": ["domain100.bench"],
    "/admin/domains/{name}/remove": ["domain100.bench"],
    "/admin/accounts/{address:path}": ["person05000@domain000.bench", ADMIN],
    "/admin/accounts/{address:path}/remove": ["person05000@domain000.bench"],
    "/admin/aliases/{address:path}/remove": ["info100@domain100.bench"],
    "/admin/queue/{id}": ["5000"],
}
"""What is asked of a page: queries, or what stands in its path."""

ELSEWHERE = {"/", "/admin/domains/{name}/dns", "/admin/domains/{name}/dns/zone"}
"""Those that only send on, or wait for answers of the DNS."""


def address(number: int) -> str:
    return f"person{number:05}@domain{number % DOMAINS:03}.bench"


def fill(base: sqlite3.Connection) -> None:
    """All the rows."""
    now = time.time()
    (domain,) = example(base, "domains")
    multiply(base, "domains", ({**domain, "name": f"domain{n:03}.bench"} for n in range(1, DOMAINS)))
    ids = [row[0] for row in base.execute("SELECT id FROM domains ORDER BY name")]
    (account,) = example(base, "accounts")
    people = ({**account, "domain_id": ids[n % DOMAINS], "address": address(n)} for n in range(ACCOUNTS))
    multiply(base, "accounts", people)
    boxes = example(base, "mailboxes")
    accounts = [row[0] for row in base.execute("SELECT id FROM accounts ORDER BY id")][1:]
    multiply(
        base,
        "mailboxes",
        (
            {
                **box,
                "account_id": number,
                "object_id": f"{number}-{place}",
                "messages": number % 1000,
                "size": number * 999,
            }
            for number in accounts
            for place, box in enumerate(boxes)
        ),
    )
    aliases = (
        {
            "domain_id": ids[n],
            "address": f"info{n:03}@domain{n:03}.bench",
            "target": address(n),
            "created_at": now,
        }
        for n in range(DOMAINS)
    )
    multiply(base, "aliases", aliases)
    fill_audit(base, now)
    fill_queue(base, now)
    fill_samples(base, int(now))


def fill_audit(base: sqlite3.Connection, now: float) -> None:
    line = example(base, "audit", "use = 'account.add'")[0]
    first = base.execute("SELECT max(id) FROM audit").fetchone()[0] + 1
    changes = {
        "before": '{"quota": 1000000000}',
        "after": '{"quota": 2000000000}',
        "use": "account.quota",
        "actor": ADMIN,
    }
    lines = (
        {**line, **changes, "at": now - 30 * (AUDIT - n), "subject": address(n % ACCOUNTS)}
        for n in range(AUDIT)
    )
    multiply(base, "audit", lines)
    places = (
        {"place": place, "audit_id": first + n}
        for n in range(AUDIT)
        for place in (address(n % ACCOUNTS), address(n % ACCOUNTS).partition("@")[2])
    )
    multiply(base, "audit_places", places)


def fill_queue(base: sqlite3.Connection, now: float) -> None:
    """Messages that wait for the next try in some days, and what is remembered of others."""
    message = {
        "body": b"\x01" * 32,
        "size": 4_000,
        "received_at": now,
        "ret": "",
        "envid": "",
        "smtputf8": 0,
        "body_type": "8BITMIME",
        "priority": 0,
        "sender": ADMIN,
    }
    known = [row[1] for row in base.execute("PRAGMA table_info(queue_messages)")]
    rows = ({**message, "trace": f"waiting{n:08}"} for n in range(QUEUED))
    multiply(base, "queue_messages", ({k: v for k, v in row.items() if k in known} for row in rows))
    ids = [row[0] for row in base.execute("SELECT id FROM queue_messages ORDER BY id")]
    recipient = {
        "destination": "local",
        "notify": "",
        "orcpt": "",
        "due_at": now + 3 * DAY,
        "expires_at": now + 5 * DAY,
        "attempts": 3,
        "held": 0,
        "reason": "the mailbox was full",
        "account_id": None,
        "lease_token": "",
        "lease_owner": "",
        "lease_until": 0.0,
    }
    known = [row[1] for row in base.execute("PRAGMA table_info(queue_recipients)")]
    rows = ({**recipient, "message_id": id, "recipient": address(n)} for n, id in enumerate(ids))
    multiply(base, "queue_recipients", ({k: v for k, v in row.items() if k in known} for row in rows))
    traces = example(base, "traces")
    if traces:
        multiply(
            base, "traces", ({**traces[0], "trace": f"former{n:08}", "at": now - n} for n in range(TRACES))
        )


def fill_samples(base: sqlite3.Connection, now: int) -> None:
    spans = [(60, range(now - DAY, now - 120, 60)), (300, range(now - 7 * DAY, now - DAY, 300))]
    spans.append((3600, range(now - 365 * DAY, now - 7 * DAY, 3600)))
    rows = (
        {"topic": topic, "at": at - at % span, "span": span, "value": float(at % 977)}
        for topic in get_args(Topic)
        for span, moments in spans
        for at in moments
    )
    base.execute("DELETE FROM samples")
    multiply(base, "samples", rows)


def targets() -> list[str]:
    """Every address that is asked."""
    found = []
    for page in pages():
        if (
            page.method != "GET"
            or page.open_to == "anyone"
            or page.path in ELSEWHERE
            or page.path.endswith("/events")
        ):
            continue
        if "{" in page.path:
            found += [re.sub(r"\{[^}]*\}", each, page.path) for each in VARIANTS.get(page.path, [])]
        else:
            found += [page.path + query for query in VARIANTS.get(page.path, [""])]
    return found


def fetch(connection: http.client.HTTPConnection, path: str, cookie: str) -> tuple[int, int]:
    connection.request("GET", path, headers={"Cookie": cookie})
    answer = connection.getresponse()
    return answer.status, len(answer.read())


def sign_in(server: RunningServer) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=60)
    form = urlencode({"login": ADMIN, "password": PASSWORD})
    connection.request("POST", "/sign-in", form, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return str(answer.headers["Set-Cookie"]).partition(";")[0]


def measure(server: RunningServer, rounds: int, only: str) -> list[dict[str, Any]]:
    cookie = sign_in(server)
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=60)
    figures = []
    for path in targets():
        if only not in path:
            continue
        fetch(connection, path, cookie)  # templates are compiled at their first use
        assert server.process is not None
        times, before = [], cpu_seconds(server.process.pid)
        for _ in range(rounds):
            began = time.perf_counter()
            status, size = fetch(connection, path, cookie)
            times.append((time.perf_counter() - began) * 1000)
        cpu = (cpu_seconds(server.process.pid) - before) * 1000 / rounds
        times.sort()
        found = {
            "page": path,
            "status": status,
            "kb": round(size / 1024, 1),
            "cpu": cpu,
            "median": statistics.median(times),
        }
        figures.append({**found, "p95": times[min(len(times) - 1, int(len(times) * 0.95))]})
    return figures


def prepared(folder: Path) -> RunningServer:
    """A server with all of it, running."""
    server = RunningServer(folder)
    server.add_domain("domain000.bench")
    server.add_account(ADMIN)
    server.command("account", "role", ADMIN, "server")
    for name, value in (("http.rate", "100000"), ("http.burst", "1000000")):
        server.command("setting", "set", name, value)
    server.start()
    with smtplib.SMTP("127.0.0.1", server.smtp) as smtp:
        smtp.sendmail(ADMIN, [ADMIN], b"Subject: one\r\n\r\none\r\n")
    server.stop()
    with sqlite3.connect(server.data / "posthouse.db") as base:
        fill(base)
    base.close()
    server.start()
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--only", default="", help="pages with this in their address")
    parser.add_argument("--out", type=Path)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="posthouse-pages-") as folder:
        server = prepared(Path(folder))
        try:
            figures = measure(server, wanted.rounds, wanted.only)
        finally:
            server.kill()
    print(f"load average {os.getloadavg()[0]:.1f}, {wanted.rounds} rounds, milliseconds\n")
    print("| page | status | KB | processor | median | p95 |\n|---|---|---|---|---|---|")
    for each in figures:
        late = " **over**" if each["median"] > AIM else ""
        numbers = f"{each['kb']} | {each['cpu']:.0f} | {each['median']:.1f}{late} | {each['p95']:.1f}"
        print(f"| `{each['page']}` | {each['status']} | {numbers} |")
    if wanted.out:
        wanted.out.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
