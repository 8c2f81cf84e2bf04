"""A private Dovecot on loopback: the reference for what IMAP answers should look like.

Import the fixture ``dovecot`` into a test module; it skips with the reason where no Dovecot can be started.
"""

from __future__ import annotations

import contextlib
import imaplib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAM = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

CONFIG = """\
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
listen = 127.0.0.1
protocols = imap{pop3}
ssl = no
disable_plaintext_auth = no
first_valid_uid = 8
mail_location = {location}:{root}/mail/%u
mail_fsync = never
mailbox_list_index = no
auth_mechanisms = plain login
mail_max_userip_connections = 0
default_vsz_limit = 1G
namespace inbox {{
  inbox = yes
  separator = /
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={root}/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Dovecot:
    """A running Dovecot. Any user name signs in with ``password`` and gets an own, empty mail store."""

    host: str
    imap_port: int
    pop3_port: int
    password: str
    version: str
    root: Path

    def imap(self, user: str) -> imaplib.IMAP4:
        """A signed-in IMAP connection."""
        client = imaplib.IMAP4(self.host, self.imap_port, timeout=60)
        client.login(user, self.password)
        return client


def why_not() -> str | None:
    """Why no private Dovecot can be started here, or None if it can."""
    if PROGRAM is None:
        return "dovecot is not installed"
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "a private Dovecot needs root (its login processes change user)"
    for user in ("mail", "dovecot", "dovenull"):
        try:
            pwd.getpwnam(user)
        except KeyError:
            return f"the system user {user} is missing"
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_banner(port: int, log: Path, process: subprocess.Popen[bytes]) -> None:
    """Return once the port greets; fail with Dovecot's own words otherwise."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2) as probe:
            probe.settimeout(5)
            if probe.recv(4).startswith(b"* OK"):
                return
        time.sleep(0.05)
    raise RuntimeError("Dovecot did not start: " + (log.read_text() if log.exists() else "no log"))


@contextlib.contextmanager
def running_dovecot(location: str = "maildir", more: str = "") -> Iterator[Dovecot]:
    """Start Dovecot in a folder of its own under the system's temporary folder and stop it at the end. ``more``:
    further lines of its configuration, with ``{root}`` for that folder."""
    assert PROGRAM is not None
    root = Path(tempfile.mkdtemp(prefix="dovecot-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        root.chmod(0o755)  # the unprivileged login processes must reach the sockets below it
        (root / "mail").mkdir()
        (root / "shared").mkdir()
        mail = pwd.getpwnam("mail")
        for folder in ("mail", "shared"):
            os.chown(root / folder, mail.pw_uid, mail.pw_gid)
        imap_port, pop3_port = _free_port(), _free_port()
        has_pop3 = any(
            Path(folder, "pop3").exists() for folder in ("/usr/lib/dovecot", "/usr/libexec/dovecot")
        )
        config = root / "dovecot.conf"
        config.write_text(
            CONFIG.format(
                root=root,
                location=location,
                password="reference",
                pop3=" pop3" if has_pop3 else "",
                imap_port=imap_port,
                pop3_port=pop3_port,
            )
            + more.replace("{root}", str(root))
        )
        version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
        process = subprocess.Popen(
            [PROGRAM, "-F", "-c", str(config)],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TZ": "UTC"},  # its SEARCH knows days of its own zone only
        )
        _wait_for_banner(imap_port, root / "log", process)
        yield Dovecot("127.0.0.1", imap_port, pop3_port, "reference", version.split()[0], root)
    finally:
        if process is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """A private Dovecot for the whole test run; skips with the reason where there is none."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with running_dovecot() as running:
        yield running
