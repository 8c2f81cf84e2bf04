"""A server with some life in it, for the browser to look at: its people, and a message whose header is hostile."""

from __future__ import annotations

import smtplib
from pathlib import Path

from running import PASSWORD, RunningServer

DOMAIN = "posthouse.test"
LONG = "a-domain-with-a-very-long-name-that-has-to-be-shown-on-a-phone.example"
ADMIN = f"anna@{DOMAIN}"
DOMAIN_ADMIN = f"dora@{DOMAIN}"
USER = f"ulla@{DOMAIN}"
PEOPLE = {"server": ADMIN, "domain": DOMAIN_ADMIN, "user": USER}
HOSTILE = '"><script>document.title="owned"</script><img src=x onerror=document.title="owned">'
HOSTILE_ID = "<story-1@posthouse.test>"

MESSAGE = f"""From: "{HOSTILE.replace('"', "'")}" <ulla@{DOMAIN}>
To: {ADMIN}
Subject: {HOSTILE}
Message-ID: {HOSTILE_ID}

{HOSTILE}
"""


def furnished(folder: Path, workers: int = 1) -> RunningServer:
    """Start it and move in."""
    server = RunningServer(folder, workers=workers)
    server.start()
    try:
        _move_in(server, folder)
    except Exception:
        server.kill()
        raise
    return server


def _move_in(server: RunningServer, folder: Path) -> None:
    # No page of a test asks an authority outside.
    server.command("setting", "set", "certificates.directory", "https://127.0.0.1:9/directory")
    server.add_domain(DOMAIN)
    server.add_domain(LONG)
    lines = ["address,password,quota"]
    for number in range(60):
        lines.append(f"person{number:02}@{DOMAIN},{PASSWORD},500M")
    lines.append(f"somebody.with-a-rather-long-name.of-the-household@{LONG},{PASSWORD},")
    people = folder / "people.csv"
    people.write_text("\n".join(lines) + "\n")
    server.command("account", "import", str(people))
    for address in PEOPLE.values():
        server.add_account(address)
    server.command("account", "role", ADMIN, "server", "--now")
    server.command("account", "role", DOMAIN_ADMIN, "domain", DOMAIN, "--now")
    server.command("alias", "add", f"info@{DOMAIN}", ADMIN)
    owners = [word for address in PEOPLE.values() for word in ("--owner", address)]
    server.command("list", "add", f"news@{DOMAIN}", "--name", HOSTILE, "--mode", "public", *owners)
    server.command("list", "join", f"news@{DOMAIN}", USER)
    server.command("group", "add", f"staff@{DOMAIN}")
    server.command("group", "join", f"staff@{DOMAIN}", USER)
    server.command("shared-mailbox", "add", f"desk@{DOMAIN}", "--member", ADMIN)
    server.command("folder", "add", "News")
    server.command("folder", "acl", "News", "anyone", "read")
    # Nobody outside is asked: the name leads nowhere.
    server.command("webhook", "add", "https://receiver.invalid/hook", "--kind", "message.received")
    listed = ("--only-listed", "--description", "A partner's own server")
    server.command("route", "add", "partner.invalid", "--target", "mx.partner.invalid", *listed)
    server.command("source", "add", "pam", "unix")
    networks = Path(server.folder) / "networks.txt"
    networks.write_text("198.51.100.0/24\nthis is none\n203.0.113.7\n")
    server.command("network-list", "add", "office", str(networks), "--kind", "allow")
    server.command("network-list", "add", "gone-away", "/nowhere/at/all.txt")
    server.command("route", "allow", "1", "somebody@partner.invalid")
    with smtplib.SMTP("127.0.0.1", server.smtp) as smtp:
        smtp.sendmail(f"ulla@{DOMAIN}", [ADMIN], MESSAGE.replace("\n", "\r\n").encode())
