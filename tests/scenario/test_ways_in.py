"""Whatever way mail is handed in, the same holds: the list of suppressed addresses, the domain of local names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import RunningServer

pytestmark = pytest.mark.timeout(240)

ANNA = "anna@posthouse.test"
BAD = "nobody@elsewhere.example"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path / "server")
    server.add_domain()
    server.add_domain("local.test")
    server.add_account(ANNA)
    server.start()
    yield server
    server.kill()
    assert "Traceback" not in server.log, server.log[-4000:]


def sendmail(server: RunningServer, *words: str, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "posthouse.cli.sendmail", *words],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "POSTHOUSE_CONFIG": str(server.config)},
    )


@pytest.mark.skipif(os.name != "posix", reason="a command of POSIX systems")
def test_a_local_name_is_completed_as_in_the_maildrop(server: RunningServer) -> None:
    """By sendmail.domain, else by the server's name of now, though posthouse.toml says another."""
    server.command("setting", "set", "sendmail.domain", "local.test")
    assert sendmail(server, "-f", "monitor", ANNA, text="Subject: one\n\nx\n").returncode == 0
    server.command("setting", "set", "sendmail.domain", "")
    server.command("setting", "set", "server.hostname", "mx.local.test")
    assert sendmail(server, "-f", "monitor", ANNA, text="Subject: two\n\nx\n").returncode == 0
    shown = server.command("message", "trace", ANNA).stdout
    assert "monitor@local.test" in shown
    assert "monitor@mx.local.test" in shown
    assert "monitor@mail.posthouse.test" not in shown


def test_a_suppressed_address_is_refused_to_the_api_as_to_a_mail_program(server: RunningServer) -> None:
    server.command("suppression", "add", BAD)
    done = server.command(
        "message", "send", "--from", ANNA, "--to", BAD, "--subject", "x", stdin="x\n", check=False
    )
    assert done.returncode != 0
    assert BAD in done.stderr + done.stdout
    assert json.loads(server.command("queue", "list", "--json").stdout)["messages"] == []
