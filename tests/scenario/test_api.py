"""The API of a whole server, over real sockets: http and https, curl as the client."""

from __future__ import annotations

import concurrent.futures
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from api_people import administrator_token, token_of
from running import PASSWORD, RunningServer

ANNA = "anna@posthouse.test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all stories of this file, with two workers: HTTP lives in the first."""
    server = RunningServer(tmp_path_factory.mktemp("api") / "server", workers=2)
    server.start()
    try:
        server.add_domain()
        server.add_account(ANNA)
        yield server
    finally:
        server.kill()
    assert "Traceback" not in server.log, server.log[-4000:]


@pytest.fixture(scope="module")
def token(server: RunningServer) -> str:
    """The token of a server administrator."""
    return administrator_token(server)


def client(server: RunningServer, token: str, *, https: bool = False) -> httpx2.Client:
    base = f"https://127.0.0.1:{server.https}" if https else f"http://127.0.0.1:{server.http}"
    context = (
        ssl.create_default_context(cafile=str(next((server.data / "tls").glob("*.pem")))) if https else None
    )
    return httpx2.Client(
        base_url=f"{base}/api/v1", headers={"authorization": f"Bearer {token}"}, verify=context or False
    )


def test_an_administrator_scripts_the_server(server: RunningServer, token: str) -> None:
    """Over https, with the server's own certificate: a domain, an account, its quota, the audit, the end."""
    with client(server, token, https=True) as api:
        assert api.post("/domains", json={"name": "other.test"}).status_code == 201
        body = {"address": "bert@other.test", "password": PASSWORD, "quota": "1M"}
        made = api.post("/accounts", json=body)
        assert made.status_code == 201, made.text
        assert made.headers["strict-transport-security"]
        shown = api.get("/accounts/bert@other.test")
        changed = api.put(
            "/accounts/bert@other.test/quota",
            json={"quota": "2M"},
            headers={"if-match": shown.headers["etag"]},
        )
        assert changed.json()["quota"] == 2 << 20
        lines = api.get("/audit", params={"subject": "bert@other.test"}).json()["lines"]
        assert [line["use"] for line in lines] == ["account.quota", "account.add"]
        assert lines[0]["actor"].startswith("root@posthouse.test")
        assert "127.0.0.1" in lines[0]["source"]
        assert api.delete("/accounts/bert@other.test").status_code == 200
        assert api.delete("/domains/other.test").status_code == 200
    assert token not in server.log
    assert PASSWORD not in server.log


def test_a_user_sends_and_reads(server: RunningServer, token: str) -> None:
    """A user's token sends from the own address only; the administrator reads the message and its trace."""
    own = token_of(server, ANNA, "send")
    with client(server, own) as api:
        message = {"from": ANNA, "to": [ANNA, "nobody@posthouse.test"], "subject": "Grüße", "text": "Hallo"}
        sent = api.post("/messages", json=message, headers={"idempotency-key": "once"})
        assert sent.status_code == 201, sent.text
        again = api.post("/messages", json=message, headers={"idempotency-key": "once"})
        assert again.json() == sent.json()
        assert [one["accepted"] for one in sent.json()["recipients"]] == [True, False]
        assert api.post("/messages", json={**message, "from": "root@posthouse.test"}).status_code == 403
        assert api.get("/accounts").status_code == 403
    with client(server, token) as api:
        raw = api.get(f"/messages/{ANNA}%2FINBOX%2F1/raw")
        assert raw.headers["content-type"] == "message/rfc822"
        assert b"Hallo" in raw.content
        assert api.get(f"/messages/{ANNA}%2FINBOX%2F2").status_code == 404  # the second request sent nothing
        told = api.get(f"/messages/{sent.json()['trace']}/trace").json()["traces"]
        assert told[0]["steps"]
    with client(server, own) as api:
        away = api.post("/messages", json={**message, "to": ["someone@elsewhere.invalid"]})
        assert away.status_code == 201, away.text
        assert [one["accepted"] for one in away.json()["recipients"]] == [True]
    with client(server, token) as api:
        told = api.get(f"/messages/{away.json()['trace']}/trace").json()["traces"]
        assert any("for mx:elsewhere.invalid" in step["text"] for step in told[0]["steps"]), told


def test_curl_watches_and_waits(server: RunningServer, token: str) -> None:
    """`verify` as a stream of events, and as one answer."""
    url = f"http://127.0.0.1:{server.http}/api/v1/verify"
    curl = ["curl", "-sS", "-N", "-X", "POST", "-H", f"Authorization: Bearer {token}"]
    events = subprocess.run([*curl, url], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "event: result\ndata: {" in events
    waited = [*curl, "-H", "Accept: application/json", url]
    answer = subprocess.run(waited, capture_output=True, text=True, timeout=60, check=True).stdout
    assert json.loads(answer)["error_count"] == 0


def exchange(server: RunningServer, data: bytes, seconds: float = 10.0) -> bytes:
    with socket.create_connection(("127.0.0.1", server.http), timeout=seconds) as peer:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := peer.recv(65536):
            answer += piece
        return answer


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b" 400 "),
        (b"GET / HTTP/1.1\r\n\r\n", b" 400 "),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b" 400 "),
        (b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", b" 421 "),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", b" 431 "),
        (
            b"POST /api/v1/domains HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
            b" 413 ",
        ),
        (
            b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b" 400 ",
        ),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b" 200 "),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2, b" 200 "),
    ],
)
def test_whatever_a_stranger_sends(server: RunningServer, data: bytes, status: bytes) -> None:
    """A legal answer or a clean end, and the server goes on."""
    answer = exchange(server, data)
    assert answer.startswith(b"HTTP/1.1" + status), answer[:300]


def test_slow_heads_end(server: RunningServer) -> None:
    """A byte now and then does not keep a connection: the head has one deadline."""
    server.command("setting", "set", "http.header_time", "1")
    try:
        with socket.create_connection(("127.0.0.1", server.http), timeout=10) as peer:
            began = time.monotonic()
            peer.settimeout(0.2)
            answer = b""
            while time.monotonic() - began < 10:
                try:
                    peer.sendall(b"G" if answer == b"" else b"")
                    piece = peer.recv(1000)
                except TimeoutError:
                    continue
                except ConnectionError:
                    break
                if not piece:
                    break
                answer += piece
            assert time.monotonic() - began < 8
            assert answer == b"" or b" 408 " in answer
    finally:
        server.command("setting", "set", "http.header_time", "default")


def test_an_open_stream_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """The server stops at once although somebody watches its log."""
    server = RunningServer(tmp_path / "server")
    server.start()
    try:
        server.add_domain()
        token = administrator_token(server)
        with (
            client(server, token) as api,
            concurrent.futures.ThreadPoolExecutor(1) as pool,
            api.stream("GET", "/log/watch", timeout=30) as watching,
        ):
            assert watching.status_code == 200
            rest = pool.submit(lambda: sum(len(piece) for piece in watching.iter_raw()))
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < 4.5  # less than limits.stop_time
            rest.result(10)
    finally:
        server.kill()
    assert "Traceback" not in server.log, server.log[-4000:]
