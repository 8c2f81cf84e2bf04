"""The anchor: a private Postfix that hands over to a private Dovecot by LMTP, under one folder, on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from bench.certificate import write_certificate
from bench.ports import free_port, wait_for
from bench.processes import cpu_seconds, pss_bytes

PASSWORD = "Kiesel-17-Ufer"

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/postfix-data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = anchor.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
local_recipient_maps =
virtual_mailbox_domains = bench.test
virtual_mailbox_maps = static:ok
virtual_transport = lmtp:unix:{folder}/lmtp
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination
mynetworks = 127.0.0.0/8
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
default_process_limit = 150
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
alias_maps =
alias_database =
smtpd_tls_security_level = none
"""

MASTER_CF = """\
127.0.0.1:{port} inet n - n - 150 smtpd
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
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

DOVECOT_CONF = """\
base_dir = {folder}/dovecot-run
state_dir = {folder}/dovecot-state
log_path = {folder}/dovecot.log
instance_name = bench
listen = 127.0.0.1
protocols = imap pop3 lmtp
first_valid_uid = 8
mail_location = {format}:~/mail
mail_uid = mail
mail_gid = mail
disable_plaintext_auth = no
auth_mechanisms = plain
auth_cache_size = 1M
mail_max_userip_connections = 5000
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
default_client_limit = 5000
default_process_limit = 2000
default_vsz_limit = 0
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={folder}/homes/%u
}}
service auth {{
  client_limit = 10000
}}
service anvil {{
  client_limit = 10000
}}
service imap-login {{
  service_count = 0
  client_limit = 3000
  process_min_avail = 2
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 2000
}}
service pop3-login {{
  service_count = 0
  client_limit = 3000
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service lmtp {{
  process_min_avail = 2
  unix_listener {folder}/lmtp {{
    mode = 0666
  }}
}}
protocol lmtp {{
  postmaster_address = postmaster@bench.test
}}
namespace inbox {{
  inbox = yes
}}
"""


def available() -> str:
    """Empty when the anchor can be started here, else what is missing."""
    missing = [name for name in ("dovecot", "postfix") if shutil.which(name) is None]
    if missing:
        return "not installed: " + ", ".join(missing)
    return "" if os.geteuid() == 0 else "Postfix's master needs root"


def readable_above(folder: Path) -> None:
    """Let the anchor's own users reach a folder."""
    folder.chmod(0o755)
    for parent in list(folder.parents)[:-2]:
        with suppress(OSError):
            parent.chmod(parent.stat().st_mode | 0o055)


class Anchor:
    """Postfix and Dovecot running under one folder. ``dovecot_only`` leaves Postfix out (IMAP loads)."""

    name = "postfix+dovecot"

    def __init__(self, folder: Path, *, mailbox_format: str = "maildir") -> None:
        self.folder = folder
        self.smtp = free_port()
        self.imap = free_port()
        self.imaps = free_port()
        self.pop3 = free_port()
        self.start_seconds = 0.0
        self._format = mailbox_format
        self._dovecot: subprocess.Popen[bytes] | None = None
        self._postfix: subprocess.Popen[bytes] | None = None

    def start(self, *, dovecot_only: bool = False) -> None:
        """Start both and wait until all ports answer."""
        self.folder.mkdir(parents=True, exist_ok=True)
        readable_above(self.folder)
        write_certificate(self.folder)
        homes = self.folder / "homes"
        homes.mkdir(exist_ok=True)
        shutil.chown(homes, "mail", "mail")
        begun = time.perf_counter()
        self._start_dovecot()
        if not dovecot_only:
            self._start_postfix()
            wait_for(self.smtp)
        wait_for(self.imap)
        wait_for(self.pop3)
        self.start_seconds = time.perf_counter() - begun

    def _start_dovecot(self) -> None:
        conf = self.folder / "dovecot.conf"
        conf.write_text(
            DOVECOT_CONF.format(
                folder=self.folder,
                format=self._format,
                imap=self.imap,
                imaps=self.imaps,
                pop3=self.pop3,
                password=PASSWORD,
            )
        )
        self._dovecot = subprocess.Popen(["dovecot", "-F", "-c", str(conf)])

    def _start_postfix(self) -> None:
        etc = self.folder / "postfix"
        etc.mkdir(exist_ok=True)
        (self.folder / "queue").mkdir(exist_ok=True)
        data = self.folder / "postfix-data"
        data.mkdir(exist_ok=True)
        shutil.chown(data, "postfix", "postfix")
        (etc / "main.cf").write_text(MAIN_CF.format(folder=self.folder))
        (etc / "master.cf").write_text(MASTER_CF.format(port=self.smtp))
        with (self.folder / "postfix.stderr").open("wb") as errors:
            self._postfix = subprocess.Popen(
                ["postfix", "-c", str(etc), "start-fg"], stdout=subprocess.DEVNULL, stderr=errors
            )

    def stop(self) -> None:
        """Stop both; the folder stays."""
        if self._postfix is not None:
            subprocess.run(
                ["postfix", "-c", str(self.folder / "postfix"), "stop"], capture_output=True, check=False
            )
            self._postfix.wait(20)
            self._postfix = None
        if self._dovecot is not None:
            self._dovecot.send_signal(signal.SIGTERM)
            self._dovecot.wait(20)
            self._dovecot = None

    def roots(self) -> list[int]:
        """The top process ids."""
        return [process.pid for process in (self._dovecot, self._postfix) if process is not None]

    def cpu(self) -> float:
        """CPU seconds used so far."""
        return sum(cpu_seconds(pid) for pid in self.roots())

    def memory(self) -> int:
        """Bytes of memory in use (PSS)."""
        return sum(pss_bytes(pid) for pid in self.roots())

    def accounts(self, names: list[str]) -> None:
        """Nothing to do: every name is an account here."""

    def login(self, name: str) -> tuple[str, str]:
        """User name and password of an account."""
        return f"{name}@bench.test", PASSWORD

    def stored(self, names: list[str]) -> int:
        """Messages that lie in the final mailboxes of these accounts."""
        count = 0
        for name in names:
            for place in ("new", "cur"):
                with suppress(FileNotFoundError):
                    count += len(os.listdir(self.folder / "homes" / f"{name}@bench.test" / "mail" / place))
        return count
