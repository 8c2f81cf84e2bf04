"""The first minutes of a newcomer: the demo starts, says all he needs, and its first message arrives."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import RunningServer


class Demo:
    """``posthouse serve --demo`` on the ports of a RunningServer's configuration."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """What it prints until it is ready."""
        command = ["serve", "--demo", "--config", str(self.server.config)]
        with (self.server.folder / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "posthouse", *command],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        printed = ""
        for line in self.process.stdout:
            printed += line
            if "Ctrl-C" in line:
                return printed
        raise RuntimeError(f"ended early: {printed}{self.server.log}")

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGINT)
        code = self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return code


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(RunningServer(tmp_path / "server"))
    yield running
    if running.process is not None:
        os.killpg(running.process.pid, signal.SIGKILL)
        running.process.wait()
        assert running.process.stdout is not None
        running.process.stdout.close()


def send(demo: Demo, password: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "posthouse", "demo", "send", "--json", "--config", str(demo.server.config)],
        env={**os.environ, "POSTHOUSE_PASSWORD": password},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_demo(demo: Demo) -> None:
    """It prints listeners, address, password, fingerprint and a command, within a screen; the command's
    message arrives. The second start keeps the account and shows no password; Ctrl-C ends with 0 each
    time."""
    printed = demo.start()
    assert len(printed.splitlines()) <= 30
    # the test's own folder has a far longer name than anybody's
    shown = printed.replace(str(demo.server.folder), "folder").replace(sys.executable, "python")
    assert max(map(len, shown.splitlines())) <= 160
    assert f"127.0.0.1:{demo.server.submissions}" in printed
    assert re.search(r"^  ([0-9A-F]{2}:){31}[0-9A-F]{2}$", printed, re.MULTILINE)
    found = re.search(r"Password +(\S+) +\(shown this once\)", printed)
    assert found
    password = found[1]
    assert f"POSTHOUSE_PASSWORD={password} " in printed
    assert "demo send" in printed

    done = send(demo, password)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["uid"] == 1
    wrong = send(demo, "wrong")
    assert wrong.returncode == 5
    assert json.loads(wrong.stderr)["error"]["kind"] == "refused"
    assert demo.stop() == 0

    printed = demo.start()
    assert "shown this once" not in printed
    assert "account password demo@posthouse.test" in printed
    done = send(demo, password)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["uid"] == 2
    accounts = json.loads(demo.server.command("account", "list", "--json").stdout)["accounts"]
    assert [account["address"] for account in accounts] == ["demo@posthouse.test"]
    assert demo.stop() == 0
    assert "Traceback" not in demo.server.log


def test_commands_on_a_stopped_and_a_running_server(tmp_path: Path) -> None:
    """The same commands work before the first start, on the running server, and after it stopped; a
    setting changed while it runs acts at once."""
    server = RunningServer(tmp_path / "server")
    server.add_domain("example.org")
    people = tmp_path / "people.csv"
    people.write_text(
        "address,password\nanna@example.org,one horse and two\nbert@example.org,two horses and one\n"
    )
    assert "2 accounts" in server.command("account", "import", str(people)).stdout
    assert server.command("account", "import", str(people), check=False).returncode == 2
    server.start()
    try:
        status = json.loads(server.command("status", "--json").stdout)
        assert status["running"] is True
        assert (status["domains"], status["accounts"]) == (1, 2)
        assert {row["port"] for row in status["listeners"]} >= {server.smtp, server.imaps}
        assert max_size(server) == 50 << 20
        server.command("setting", "set", "smtp.max_message_size", "30M")
        limit = time.monotonic() + 5
        while max_size(server) != 30 << 20 and time.monotonic() < limit:
            time.sleep(0.1)
        assert max_size(server) == 30 << 20
        assert "all is well" in server.command("verify").stdout
    finally:
        server.stop()
    assert (
        json.loads(server.command("setting", "get", "smtp.max_message_size", "--json").stdout)["value"]
        == "30M"
    )
    uses = {row["use"] for row in json.loads(server.command("audit", "list", "--json").stdout)["lines"]}
    assert uses == {"domain.add", "account.import", "setting.set", "dkim.make"}
    assert "all is well" in server.command("verify").stdout


def max_size(server: RunningServer) -> int:
    """What EHLO says of SIZE."""
    import smtplib

    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=10) as client:
        client.ehlo()
        return int(client.esmtp_features["size"])
