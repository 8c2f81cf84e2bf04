"""A name server that takes dynamic updates (RFC 2136): Knot, on a loopback port."""

from __future__ import annotations

import base64
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import dns.message
import dns.query

from ports import free_port

ZONE = "posthouse.test"


class Knot:
    """Serves ``posthouse.test``, where every name leads to 127.0.0.1. ``key_name`` and ``secret`` may change TXT
    records below it."""

    key_name = "posthouse-key"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ph-knot-"))
        self.port = free_port()
        self.secret = base64.b64encode(secrets.token_bytes(32)).decode()
        (self.folder / "db").mkdir()
        (self.folder / "zone").write_text(
            f"$ORIGIN {ZONE}.\n$TTL 60\n@ SOA ns admin 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n"
            "mail A 127.0.0.1\n"
        )
        (self.folder / "knot.conf").write_text(
            f"""server:
    rundir: "{self.folder}"
    listen: 127.0.0.1@{self.port}
database:
    storage: "{self.folder}/db"
log:
  - target: stderr
    any: info
key:
  - id: {self.key_name}
    algorithm: hmac-sha256
    secret: {self.secret}
acl:
  - id: updates
    key: {self.key_name}
    action: update
    update-type: TXT
zone:
  - domain: {ZONE}
    storage: "{self.folder}"
    file: zone
    acl: updates
"""
        )
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [_program(), "-c", str(self.folder / "knot.conf")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait()

    @property
    def place(self) -> str:
        """``127.0.0.1:PORT``."""
        return f"127.0.0.1:{self.port}"

    def texts(self, name: str) -> list[str]:
        """The TXT records of a name."""
        answer = dns.query.tcp(dns.message.make_query(name, "TXT"), "127.0.0.1", port=self.port, timeout=5)
        return [rr.to_text().strip('"') for rrset in answer.answer for rr in rrset]

    def close(self) -> None:
        """Stop it and remove its folder."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait(self) -> None:
        limit = time.monotonic() + 20
        while time.monotonic() < limit:
            try:
                self.texts(ZONE)
                return
            except (OSError, EOFError):
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text(errors="replace")[-2000:])


def _program() -> str:
    return shutil.which("knotd") or "/usr/sbin/knotd"
