"""The real Thunderbird without a screen, in a profile of its own, driven through its Marionette port.

Marionette speaks JSON over TCP: ``length:[type, number, command, parameters]`` there, ``[type, number, error, value]``
back. What a person does is written in ``thunderbird_tasks.js``. Names below ``posthouse.test`` lead to this machine,
the ports 443 and 80 to those of the server, so that Thunderbird asks for its settings as it does in the world.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from free_ports import free_port
from running import RunningServer

PROGRAM = shutil.which("thunderbird")
TASKS = Path(__file__).parent / "thunderbird_tasks.js"
HOST = "mail.posthouse.test"

_RUN = """
const done = arguments[arguments.length - 1];
tasks[arguments[0]](arguments[1]).then(
  value => done({ value: value ?? null }),
  error => done({ error: `${error}\\n${error.stack}` }),
);
"""


class Thunderbird:
    """A running Thunderbird."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self._log = log
        self._socket = self._connect(port, process)
        self._file = self._socket.makefile("rb")
        self._number = 0
        self._read()  # its greeting
        self._ask("WebDriver:NewSession", acceptInsecureCerts=True)  # the server's certificate is its own
        self._ask("WebDriver:SetTimeouts", script=100_000)
        self._ask("Marionette:SetContext", value="chrome")

    def _connect(self, port: int, process: subprocess.Popen[bytes]) -> socket.socket:
        limit = time.monotonic() + 90
        while process.poll() is None and time.monotonic() < limit:
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", port), timeout=120)
            time.sleep(0.2)
        raise RuntimeError(f"Thunderbird did not start: {self._said()}")

    def _said(self) -> str:
        """What it wrote last, without the complaints of its toolkit that there is no screen."""
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if line and "Gtk" not in line and "glib" not in line][-30:])

    def _read(self) -> Any:
        length = b""
        while (octet := self._file.read(1)) != b":":
            if not octet:
                raise ConnectionError(f"Thunderbird ended: {self._said()}")
            length += octet
        return json.loads(self._file.read(int(length)))

    def _ask(self, command: str, **parameters: object) -> Any:
        self._number += 1
        words = json.dumps([0, self._number, command, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(words), words))
        _, _, error, result = self._read()
        if error:
            raise RuntimeError(f"{command}: {error['message']}\n{error['stacktrace'][:2000]}")
        return result

    def do(self, task: str, **arguments: object) -> Any:
        """Carry out a task of thunderbird_tasks.js; its value. Raises RuntimeError with what it waited for."""
        script = TASKS.read_text("utf-8") + _RUN
        done = self._ask("WebDriver:ExecuteAsyncScript", script=script, args=[task, arguments])["value"]
        if "error" in done:
            raise RuntimeError(f"{task}: {done['error']}\n{self._said()}")
        return done["value"]

    def install(self, manifest: dict[str, object], folder: Path) -> None:
        """Install an add-on of one file, as the manual has people do it."""
        package = folder / "mail.xpi"
        with zipfile.ZipFile(package, "w") as packed:
            packed.writestr("manifest.json", json.dumps(manifest))
        self._ask("Addon:Install", path=str(package), temporary=True)

    def close(self) -> None:
        """Let go of it."""
        self._file.close()
        self._socket.close()


@contextlib.contextmanager
def running_thunderbird(folder: Path, server: RunningServer) -> Iterator[Thunderbird]:
    """Start Thunderbird with an empty profile in a folder, and end it."""
    assert PROGRAM is not None
    port = free_port()
    profile = folder / "profile"
    profile.mkdir(parents=True)
    preferences = {
        "marionette.port": port,
        "network.dns.localDomains": f"{HOST},autoconfig.posthouse.test,posthouse.test",
        "network.socket.forcePort": f"443={server.https};80={server.http}",
        "network.manage-offline-status": False,
        "mailnews.auto_config_url": "",  # no directory of providers
        "mail.provider.suppress_dialog_on_startup": True,
        "mail.shell.checkDefaultClient": False,
        "mailnews.start_page.enabled": False,
        "mail.biff.show_alert": False,
        "app.donation.eoy.version.viewed": 999,
        "app.update.disabledForTesting": True,
        "extensions.update.enabled": False,
        "datareporting.policy.dataSubmissionPolicyBypassNotification": True,
        "mail.spellcheck.inline": False,
        "mail.warn_on_send_accel_key": False,
    }
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()]
    (profile / "user.js").write_text("".join(lines))
    log = folder / "thunderbird.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                *(PROGRAM, "--headless", "--no-remote", "--profile", str(profile)),
                *("--marionette", "-remote-allow-system-access"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, "HOME": str(folder), "TZ": "UTC"},
            start_new_session=True,
        )
    try:
        client = Thunderbird(port, process, log)
        try:
            yield client
        finally:
            client.close()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
