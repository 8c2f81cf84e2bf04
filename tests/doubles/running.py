"""A whole Posthouse in a process of its own: started, asked, killed and started again by tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from free_ports import free_port

PASSWORD = "correct-horse-battery"


def _installed() -> dict[str, str]:
    """The environment, with byte code kept between starts as on a machine where the program is installed:
    compiling all of it again takes longer than starting."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


@dataclass
class RunningServer:
    """A server with data folder, configuration and log under ``folder``, all listeners on loopback.

    ``launcher`` is what the interpreter runs, ``environment`` is added to the process's own. Accounts made by
    ``add_account`` have :data:`PASSWORD`.
    """

    folder: Path
    workers: int = 1
    database_url: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    prefix_command: tuple[str, ...] = ()
    launcher: tuple[str, ...] = ("-m", "posthouse")
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.smtp, self.submission, self.submissions = free_port(), free_port(), free_port()
        self.lmtp, self.imap, self.imaps = free_port(), free_port(), free_port()
        self.pop3, self.pop3s = free_port(), free_port()
        self.http, self.https = free_port(), free_port()
        listeners = [
            ("smtp", self.smtp, "starttls"),
            ("submission", self.submission, "starttls"),
            ("submission", self.submissions, "implicit"),
            ("lmtp", self.lmtp, "none"),
            ("imap", self.imap, "starttls"),
            ("imap", self.imaps, "implicit"),
            ("pop3", self.pop3, "starttls"),
            ("pop3", self.pop3s, "implicit"),
            ("http", self.http, "none"),
            ("http", self.https, "implicit"),
        ]
        lines = [
            f'data = "{self.data.as_posix()}"',
            f"workers = {self.workers}",
            'hostname = "mail.posthouse.test"',
        ]
        if self.database_url:
            lines.append(f'database_url = "{self.database_url}"')
        for protocol, port, tls in listeners:
            lines += [
                "[[listener]]",
                f'protocol = "{protocol}"',
                'address = "127.0.0.1"',
                f"port = {port}",
                f'tls = "{tls}"',
            ]
        self.config.write_text("\n".join(lines) + "\n")

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "posthouse.toml"

    @property
    def log(self) -> str:
        """Everything the server wrote to standard output and error so far."""
        path = self.folder / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, seconds: float = 90.0) -> None:
        """Start and wait until every port answers. Raises RuntimeError with the log when it ends before."""
        out = (self.folder / "server.log").open("ab")
        command = [
            *self.prefix_command,
            sys.executable,
            *self.launcher,
            "serve",
            "--config",
            str(self.config),
        ]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**_installed(), **self.environment},
            start_new_session=True,
        )
        out.close()
        limit = time.monotonic() + seconds
        for port in (self.smtp, self.submission, self.submissions, self.lmtp):
            self._wait(port, limit)
        for port in (self.imap, self.imaps, self.pop3, self.pop3s, self.http, self.https):
            self._wait(port, limit)
        # With several workers one may answer before the one that carries the control socket.
        while not self._controlled() and time.monotonic() < limit:
            time.sleep(0.02)

    def _controlled(self) -> bool:
        """Whether somebody listens on the control socket; a killed server leaves the file behind."""
        place = self.data / "control.sock"
        if not hasattr(socket, "AF_UNIX"):
            return True
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(place))
            except (FileNotFoundError, ConnectionError):
                return False
            except OSError:  # the path is too long for a socket: the server has another place for it
                return True
        return True

    def _wait(self, port: int, limit: float) -> None:
        assert self.process is not None
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log[-4000:]}")
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"port {port} did not answer in time:\n{self.log[-4000:]}")

    def command(
        self, *words: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a ``posthouse`` command against this server (or its stopped data folder)."""
        environment = {
            key: value for key, value in _installed().items() if not key.startswith("POSTHOUSE_CRASH")
        }
        done = subprocess.run(
            [sys.executable, "-m", "posthouse", *words, "--config", str(self.config)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=environment,
        )
        if check and done.returncode != 0:
            raise RuntimeError(
                f"posthouse {' '.join(words)} ended with {done.returncode}: {done.stderr}{done.stdout}"
            )
        return done

    def add_domain(self, name: str = "posthouse.test") -> None:
        """Make a domain."""
        self.command("domain", "add", name)

    def add_account(self, address: str, password: str = PASSWORD) -> None:
        """Make an account."""
        self.command("account", "add", address, "--password-stdin", stdin=password + "\n")

    def stop(self, seconds: float = 30.0) -> int:
        """Stop as an administrator would (SIGTERM); the exit status."""
        if self.process is None:
            return 0
        self._terminate()
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self.process = None
        return status

    def _terminate(self) -> None:
        """SIGTERM to the server; a tracer in front of it would keep the signal to itself."""
        assert self.process is not None
        pid = self.process.pid
        if self.prefix_command:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            pid = int(children[0])
        os.kill(pid, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to the server and everything it started, as a power cut would end it."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(10)
        self.process = None
        self._wait_silent()

    def _wait_silent(self) -> None:
        """Killed workers listen until the system has taken them down: a moment later than their parent."""
        limit = time.monotonic() + 10
        while time.monotonic() < limit:
            try:
                socket.create_connection(("127.0.0.1", self.smtp), timeout=1).close()
            except ConnectionError:
                try:
                    socket.create_connection(("127.0.0.1", self.imap), timeout=1).close()
                except ConnectionError:
                    return
            except OSError:
                pass
            time.sleep(0.01)

    def wait_dead(self, seconds: float = 10.0) -> bool:
        """Whether the server ended by itself within a time (a crash step was reached)."""
        assert self.process is not None
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self.kill()
        return True
