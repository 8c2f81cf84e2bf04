"""Posthouse under test: one server with its embedded default, under one folder, on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from bench.anchor import PASSWORD
from bench.certificate import write_certificate
from bench.ports import free_port, wait_for
from bench.processes import cpu_seconds, pss_bytes

CONFIG = """\
data = "{folder}/data"
workers = {workers}
hostname = "posthouse.test"

[[certificate]]
chain = "{folder}/certificate.pem"
key = "{folder}/key.pem"

[[listener]]
protocol = "smtp"
address = "127.0.0.1"
port = {smtp}

[[listener]]
protocol = "imap"
address = "127.0.0.1"
port = {imap}

[[listener]]
protocol = "imap"
address = "127.0.0.1"
port = {imaps}
tls = "implicit"

[[listener]]
protocol = "pop3"
address = "127.0.0.1"
port = {pop3}
"""

SETTINGS = {
    "limits.connections": "20000",
    "limits.connections_per_address": "20000",
    "imap.max_sessions_per_account": "20000",
}
"""The generator is one address; its counterparts in the anchor's configuration are lifted too."""


class Posthouse:
    """A Posthouse server under one folder."""

    name = "posthouse"

    def __init__(self, folder: Path, *, workers: int = 1, uvloop: bool = False) -> None:
        self.folder = folder
        self.smtp = free_port()
        self.imap = free_port()
        self.imaps = free_port()
        self.pop3 = free_port()
        self.start_seconds = 0.0
        self._workers = workers
        self._uvloop = uvloop
        self._process: subprocess.Popen[bytes] | None = None

    def _command(self, *words: str, stdin: str | None = None) -> None:
        config = str(self.folder / "posthouse.toml")
        done = subprocess.run(
            [sys.executable, "-m", "posthouse", *words, "--config", config],
            input=stdin,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"posthouse {' '.join(words)}: {done.stderr or done.stdout}")

    def configuration(self) -> str:
        """The text of the configuration file."""
        return CONFIG.format(
            folder=self.folder,
            workers=self._workers,
            smtp=self.smtp,
            imap=self.imap,
            imaps=self.imaps,
            pop3=self.pop3,
        )

    def start(self) -> None:
        """Start and wait until every port answers; set the limits that one generator would meet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_certificate(self.folder)
        (self.folder / "posthouse.toml").write_text(self.configuration())
        first = not (self.folder / "data").exists()
        self._launch()
        if first:
            for name, value in SETTINGS.items():
                self._command("setting", "set", name, value)
            self._command("domain", "add", "bench.test")
            self.stop()
            self._launch()

    def _environment(self) -> dict[str, str]:
        """Ours, with compiled modules kept as an installation has them, whatever the caller's shell says."""
        environment = dict(os.environ)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = str(self.folder / "pycache")
        return environment

    def _launch(self) -> None:
        environment = self._environment()
        if self._uvloop:
            environment["POSTHOUSE_UVLOOP"] = "1"
        log = (self.folder / "posthouse.log").open("ab")
        begun = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "posthouse", "serve", "--config", str(self.folder / "posthouse.toml")],
            stdout=log,
            stderr=log,
            env=environment,
        )
        for port in (self.smtp, self.imap, self.imaps, self.pop3):
            try:
                wait_for(port, process=self._process)
            except RuntimeError as error:
                raise RuntimeError(
                    f"{error}:\n{(self.folder / 'posthouse.log').read_text()[-2000:]}"
                ) from None
        self.start_seconds = time.perf_counter() - begun

    def stop(self) -> None:
        """Stop the server; the folder stays."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)
            self._process = None

    @property
    def pid(self) -> int | None:
        """The process that was started."""
        return self._process.pid if self._process is not None else None

    def cpu(self) -> float:
        """CPU seconds used so far."""
        return cpu_seconds(self._process.pid) if self._process is not None else 0.0

    def memory(self) -> int:
        """Bytes of memory in use (PSS)."""
        return pss_bytes(self._process.pid) if self._process is not None else 0

    def accounts(self, names: list[str]) -> None:
        """Make these accounts."""
        path = self.folder / "accounts.csv"
        path.write_text("address,password\n" + "".join(f"{name}@bench.test,{PASSWORD}\n" for name in names))
        self._command("account", "import", str(path))

    def login(self, name: str) -> tuple[str, str]:
        """User name and password of an account."""
        return f"{name}@bench.test", PASSWORD

    def stored(self, names: list[str]) -> int:
        """A 250 of Posthouse means in the mailbox: nothing is left to wait for."""
        return -1
