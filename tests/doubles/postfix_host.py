"""A Postfix of its own: several hosts on port 25 of loopback addresses, mailboxes for everybody, and a client that asks
the DNS of the test.

    hosts = [PostfixHost("127.9.9.10", "chain.pem"), PostfixHost("127.9.9.12")]
    with Postfix(hosts, name="mx.postfix.test", domains=["postfix.test"], resolver="127.9.9.53") as postfix: ...

Everybody in its domains has a mailbox, but for ``nobody`` (refused at RCPT) and ``late`` (taken, then bounced). Its own
client sends by MX, with DANE; it is chrooted, so that it reads a resolv.conf of ours.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = {name}
mydomain = {name}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
local_recipient_maps =
virtual_mailbox_domains = {domains}
virtual_mailbox_maps = regexp:{folder}/boxes
virtual_mailbox_base = {folder}/mail
virtual_minimum_uid = 1
virtual_uid_maps = static:8
virtual_gid_maps = static:8
transport_maps = regexp:{folder}/transports
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination
mynetworks = 127.0.0.0/8
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtp_tls_security_level = dane
smtp_dns_support_level = dnssec
smtp_tls_loglevel = 1
smtp_host_lookup = dns
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
alias_maps =
alias_database =
biff = no
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 4s
"""

MASTER = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - y - - smtp
relay unix - - y - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
gone unix - n n - - pipe flags= user=nobody argv={folder}/gone
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class PostfixHost:
    """An address that Postfix takes mail at, with the PEM file of its key and certificates; none: no STARTTLS."""

    address: str
    chain: str = ""


class Postfix:
    """Runs until closed."""

    def __init__(
        self, hosts: Sequence[PostfixHost], *, name: str, domains: Iterable[str], resolver: str
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ph-postfix-"))
        self._conf = self.folder / "conf"
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._write(hosts, name, sorted(domains), resolver)
            with (self.folder / "stderr").open("wb") as errors:
                self._process = subprocess.Popen(
                    ["postfix", "-c", str(self._conf), "start-fg"],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                )
            for host in hosts:
                self._wait(host.address)
        except BaseException:
            self.close()
            raise

    @property
    def log(self) -> str:
        """What it logged."""
        path = self.folder / "postfix.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def mail(self, address: str) -> list[bytes]:
        """What was delivered to an address, lines ending in CRLF again."""
        new = self.folder / "mail" / "all" / "new"
        found = [path.read_bytes().replace(b"\n", b"\r\n") for path in sorted(new.glob("*"))]
        return [each for each in found if f"\r\nDelivered-To: {address}\r\n".encode() in each]

    def close(self) -> None:
        """Stop and remove its folder."""
        if self._process is not None:
            subprocess.run(["postfix", "-c", str(self._conf), "stop"], capture_output=True, check=False)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Postfix:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------------ inside

    def _write(self, hosts: Sequence[PostfixHost], name: str, domains: list[str], resolver: str) -> None:
        self.folder.chmod(0o755)  # Postfix's own users must get in
        for each in ("conf", "queue/etc", "data", "mail"):
            (self.folder / each).mkdir(parents=True)
        shutil.chown(self.folder / "data", "postfix")
        os.chown(self.folder / "mail", 8, 8)
        (self.folder / "queue/etc/resolv.conf").write_text(f"nameserver {resolver}\noptions edns0 trust-ad\n")
        (self.folder / "boxes").write_text("if !/^nobody@/\n/./ all/\nendif\n")
        (self.folder / "gone").write_text(
            "#!/bin/sh\ncat > /dev/null\necho nobody lives here any more\nexit 67\n"
        )
        (self.folder / "gone").chmod(0o755)
        (self.folder / "transports").write_text("/^late@/ gone:\n")
        (self._conf / "main.cf").write_text(
            MAIN.format(folder=self.folder, name=name, domains=", ".join(domains))
        )
        lines = []
        for host in hosts:
            lines.append(f"{host.address}:25 inet n - n - - smtpd")
            if host.chain:
                lines.append(f"  -o smtpd_tls_chain_files={host.chain}")
            else:
                lines.append("  -o smtpd_tls_security_level=none")
        (self._conf / "master.cf").write_text("\n".join(lines) + "\n" + MASTER.format(folder=self.folder))

    def _wait(self, address: str) -> None:
        assert self._process is not None
        limit = time.monotonic() + 30
        while time.monotonic() < limit:
            try:
                with socket.create_connection((address, 25), 2) as probe:
                    probe.settimeout(5)
                    if probe.recv(3) == b"220":
                        return
            except OSError:
                if self._process.poll() is not None:
                    break
            time.sleep(0.05)
        raise RuntimeError(f"Postfix does not answer: {self.log[-3000:]}")
