"""Who relays in ``bench.relay``: a private Postfix (with opendkim where mail is signed) and a Posthouse, and the
smtp-sink that takes it all and counts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from bench.anchor import MASTER_CF, PASSWORD, readable_above
from bench.ours import Posthouse
from bench.ports import free_port, wait_for
from bench.processes import cpu_seconds, pss_bytes

SENDER = "sender@bench.test"

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
relayhost = [127.0.0.1]:{sink}
smtpd_recipient_restrictions = permit_mynetworks, reject
mynetworks = 127.0.0.0/8
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
default_process_limit = 150
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
alias_maps =
alias_database =
smtpd_tls_security_level = none
smtp_tls_security_level = none
smtpd_milters = {milter}
"""

OPENDKIM_CONF = """\
Mode s
Socket local:{folder}/milter
UMask 000
Domain bench.test
Selector bench
KeyFile {folder}/dkim.pem
Canonicalization relaxed/relaxed
InternalHosts 127.0.0.1
RequireSafeKeys no
Syslog no
PidFile {folder}/opendkim.pid
"""


def available(*, signing: bool) -> str:
    """Empty when the bench can run here, else what is missing."""
    wanted = ["postfix", "smtp-source", "smtp-sink", *(["opendkim"] if signing else [])]
    missing = [name for name in wanted if shutil.which(name) is None]
    if missing:
        return "not installed: " + ", ".join(missing)
    return "" if os.geteuid() == 0 else "Postfix's master needs root"


class Sink:
    """smtp-sink, which counts the messages that it took."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._counters = folder / "sink.counters"
        with self._counters.open("wb") as out:
            self._process = subprocess.Popen(
                ["smtp-sink", "-c", "-u", "postfix", f"127.0.0.1:{self.port}", "1000"], stdout=out
            )
        wait_for(self.port)

    def count(self) -> int:
        """Messages that were answered 250 after the dot, since the start."""
        with self._counters.open("rb") as counters:
            size = counters.seek(0, os.SEEK_END)
            counters.seek(max(size - 400, 0))
            # ``sess=1 quit=0 mesg=3`` and a carriage return, again and again
            whole = counters.read().rpartition(b"\r")[0].rpartition(b"mesg=")[2]
        return int(whole) if whole.strip() else 0

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)


class RelayingPostfix:
    """Postfix that gives everything to the sink. It signs in the milter, whoever sends from this machine."""

    name = "postfix"

    def __init__(self, folder: Path, sink: Sink, key: Path | None) -> None:
        self.folder, self.sink = folder, sink
        self.smtp = free_port()
        self._key = key
        self._signer: subprocess.Popen[bytes] | None = None
        self._postfix: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and the milter before it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        readable_above(self.folder)
        milter = ""
        if self._key is not None:
            shutil.copy(self._key, self.folder / "dkim.pem")
            conf = self.folder / "opendkim.conf"
            conf.write_text(OPENDKIM_CONF.format(folder=self.folder))
            self._signer = subprocess.Popen(["opendkim", "-f", "-x", str(conf)])
            socket = self.folder / "milter"
            while not socket.exists() and self._signer.poll() is None:
                time.sleep(0.01)
            milter = f"unix:{socket}"
        etc = self.folder / "postfix"
        for made in (etc, self.folder / "queue", self.folder / "postfix-data"):
            made.mkdir(exist_ok=True)
        shutil.chown(self.folder / "postfix-data", "postfix", "postfix")
        main = MAIN_CF.format(folder=self.folder, sink=self.sink.port, milter=milter)
        (etc / "main.cf").write_text(main)
        (etc / "master.cf").write_text(MASTER_CF.format(port=self.smtp))
        with (self.folder / "postfix.stderr").open("wb") as errors:
            self._postfix = subprocess.Popen(
                ["postfix", "-c", str(etc), "start-fg"], stdout=subprocess.DEVNULL, stderr=errors
            )
        wait_for(self.smtp)

    def stop(self) -> None:
        """Stop both; the folder stays."""
        if self._postfix is not None:
            etc = str(self.folder / "postfix")
            subprocess.run(["postfix", "-c", etc, "stop"], capture_output=True, check=False)
            self._postfix.wait(20)
        if self._signer is not None:
            self._signer.send_signal(signal.SIGTERM)
            self._signer.wait(20)

    def cpu(self) -> float:
        """CPU seconds used so far."""
        return sum(cpu_seconds(each.pid) for each in (self._postfix, self._signer) if each is not None)

    def memory(self) -> int:
        """Bytes of memory in use (PSS)."""
        return sum(pss_bytes(each.pid) for each in (self._postfix, self._signer) if each is not None)

    def load(self) -> list[str]:
        """What the generator of signed mail is told besides: it need not sign in here."""
        return ["--port", str(self.smtp)]


class RelayingPosthouse(Posthouse):
    """Posthouse with the sink as its smart host. It signs what somebody who signed in sends."""

    def __init__(self, folder: Path, sink: Sink, key: Path | None, *, workers: int = 1) -> None:
        super().__init__(folder, workers=workers)
        self.sink = sink
        self.submissions = free_port()
        self._key = key

    def configuration(self) -> str:
        """With a door for who signs in."""
        door = f'address = "127.0.0.1"\nport = {self.submissions}\ntls = "implicit"\n'
        return super().configuration() + f'\n[[listener]]\nprotocol = "submission"\n{door}'

    def start(self) -> None:
        """Start it, and make what mail needs to get out."""
        super().start()
        self._command("setting", "set", "smtp.relay_networks", "127.0.0.0/8")
        self._command("route", "smart-host", f"127.0.0.1:{self.sink.port}", "--security", "none")
        for limit in ("account_messages_hour", "account_recipients_hour", "account_messages_day"):
            self._command("setting", "set", f"sending_limits.{limit}", "0")
        for limit in ("account_recipients_day", "burst_hour", "burst_minutes"):
            self._command("setting", "set", f"sending_limits.{limit}", "0")
        self.accounts(["sender"])
        if self._key is not None:
            self._command("dkim", "import", "bench.test", "bench", str(self._key), "--now")

    def resume(self) -> float:
        """Start again after ``stop``; the seconds until it answers."""
        begun = time.perf_counter()
        super().start()
        return time.perf_counter() - begun

    def pause(self, *, on: bool) -> None:
        """Let nothing leave, or let it go on."""
        self._command("queue", "pause" if on else "resume", "--all")

    def load(self) -> list[str]:
        """What the generator of signed mail is told besides."""
        return ["--port", str(self.submissions), "--user", SENDER, "--password", PASSWORD]
