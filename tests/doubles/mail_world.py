"""A small world of mail on loopback: signed zones behind a validating resolver, two Posthouses, a Postfix of several
hosts, smtp-sinks and a web server of MTA-STS policies, each on port 25 (53, 443) of an address of its own.

Needs root, for those ports. Addresses are 127.x.y.z with x and y of this process, so that several may run at once.

    .1    mail.posthouse.test    the server under test      .10  Postfix, good certificate
    .2    mx.second.test         a second Posthouse         .11  Postfix, certificate of an unknown authority
    .13   nobody                                            .12  Postfix, no STARTTLS
    .21 .22  smtp-sinks                                     .53  unbound
    .80   policies               .81  policies, certificate of an unknown authority
    .100 and up: smtp-sinks that fail, one for each way and stage
"""

from __future__ import annotations

import email.policy
import hashlib
import http.server
import imaplib
import os
import shutil
import smtplib
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from email.message import EmailMessage
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from postfix_host import Postfix, PostfixHost
from running import PASSWORD, RunningServer
from signed_zones import SignedZones

from posthouse.cli.client import ControlClient
from posthouse.cli.errors import CommandError

Found = TypeVar("Found")

ANNA, BERT = "anna@posthouse.test", "bert@posthouse.test"
CARL = "carl@second.test"

STAGES = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", ".")
FAILURES = {"soft": "-r", "hard": "-f", "quit": "-q", "busy": "-Q"}
"""What smtp-sink does at a stage: 450, 500, hang up, 421 and hang up."""

SIGNED = """
good MX 10 good-mx
good-mx A {10}
_25._tcp.good-mx TLSA 3 1 1 {postfix}
wrong MX 10 wrong-mx
wrong-mx A {10}
_25._tcp.wrong-mx TLSA 3 1 1 {other}
bare MX 10 bare-mx
bare-mx A {12}
_25._tcp.bare-mx TLSA 3 1 1 {postfix}
spoiled MX 10 spoiled-mx
spoiled-mx A {10}
_25._tcp.spoiled-mx TLSA 3 1 1 {postfix}
missing MX 10 missing-mx
missing-mx A {10}
"""
TELLS = ("good", "wrong", "bare", "spoiled")
"""Names of signed.test that want TLS reports."""

PLAIN = """
two MX 10 one-sink
two MX 20 other-sink
one-sink A {21}
other-sink A {22}
dead MX 10 nobody
dead MX 20 other-sink
nobody A {13}
implicit A {21}
null MX 0 .
nothing TXT "no mail here"
alias CNAME two
hosts MX 10 host-alias
host-alias CNAME one-sink
loop MX 10 mail.posthouse.test.
loop MX 20 one-sink
door MX 10 our-door
our-door A {1}
backup MX 10 one-sink
backup MX 20 mail.posthouse.test.
lost MX 10 nowhere
both MX 10 both-mx
both-mx A {21}
both-mx AAAA ::1
six MX 10 six-mx
six-mx AAAA ::1
enforced MX 10 sts-mx
testing MX 10 rogue-mx
unnamed MX 10 sts-mx
rogue MX 10 rogue-mx
none MX 10 clear-mx
badweb MX 10 sts-mx
clear MX 10 clear-mx
sts-mx A {10}
rogue-mx A {11}
clear-mx A {12}
"""

POLICIES = {
    "enforced": ("enforce", "sts-mx.plain.test"),
    "rogue": ("enforce", "*.plain.test"),
    "unnamed": ("enforce", "elsewhere.plain.test"),
    "testing": ("testing", "rogue-mx.plain.test"),
    "none": ("none", ""),
    "badweb": ("enforce", "sts-mx.plain.test"),
}
"""Mode and host of the MTA-STS policies of names in plain.test."""


def why_not() -> str:
    """Why there can be no such world here, "" when there can."""
    try:
        with socket.create_server((f"{network()}.25", 25)):
            return ""
    except OSError as error:
        return f"port 25 of a loopback address cannot be used ({error.strerror})"


def network() -> str:
    """The first three numbers of this process's addresses."""
    pid = os.getpid()
    return f"127.{100 + pid // 250 % 100}.{1 + pid % 250}"


class Sink:
    """A running smtp-sink; what it took is in ``taken``."""

    def __init__(self, address: str, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ph-sink-"))
        place = f"[{address}]:25" if ":" in address else f"{address}:25"
        command = ["smtp-sink", "-u", "root", "-d", f"{self.folder}/mail.", *options, place, "100"]
        with (self.folder / "stderr").open("wb") as errors:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=errors)

    def taken(self) -> list[str]:
        """The messages, with the envelope in X- fields before them."""
        return [path.read_text("latin-1") for path in sorted(self.folder.glob("mail.*"))]

    def close(self) -> None:
        """Stop."""
        self._process.terminate()
        self._process.wait(10)
        shutil.rmtree(self.folder)


class Policies:
    """A web server of MTA-STS policies, by the name in Host."""

    def __init__(self, address: str, chain: str, texts: dict[str, str]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text = texts.get(self.headers.get("Host", ""))
                good = text is not None and self.path == "/.well-known/mta-sts.txt"
                content = (text or "").encode() if good else b""
                self.send_response(200 if good else 404)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *values: Any) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # handshakes that the other side breaks off are what is tested

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        self._server = Server((address, 443), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class MailWorld:
    """All of it; parts are started when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self._good, self._rogue = trustme.CA(), trustme.CA()
        self.authorities = folder / "authorities.pem"
        self._good.cert_pem.write_to_path(str(self.authorities))
        self._postfix_chain = self._chain(
            "postfix", self._good, "mx.postfix.test", "sts-mx.plain.test", "good-mx.signed.test"
        )
        self._here_chain = self._chain("here", self._good, "mail.posthouse.test")
        self._there_chain = self._chain("there", self._good, "mx.second.test")
        self._sinks: dict[str, Sink] = {}
        try:
            self._make_servers()
        except BaseException:
            self.close()
            raise

    def address(self, number: int) -> str:
        """One of our addresses."""
        return f"{network()}.{number}"

    def close(self) -> None:
        """Stop everything that was started."""
        self._stack.close()

    def _make_servers(self) -> None:
        """Both Posthouses with accounts and keys; then the zones, which name the keys, so that these are used."""
        self.here = RunningServer(self.folder / "here")
        self.there = RunningServer(self.folder / "there")
        there = self.there.config
        there.write_text(there.read_text().replace("mail.posthouse.test", "mx.second.test"))
        for server, address in ((self.here, self.address(1)), (self.there, self.address(2))):
            with server.config.open("a") as file:
                file.write(
                    f'[[listener]]\nprotocol = "smtp"\naddress = "{address}"\nport = 25\ntls = "starttls"\n'
                )
            self._stack.callback(server.kill)
        with ThreadPoolExecutor() as both:
            list(both.map(RunningServer.start, (self.here, self.there)))
        self._settle(self.here, "posthouse.test", (ANNA, BERT), self._here_chain)
        self._settle(self.there, "second.test", (CARL,), self._there_chain)
        self.zones = self._make_zones()
        self._stack.callback(self.zones.close)
        for server in (self.here, self.there):
            wait_for(partial(self._uses_keys, server), partial(self._about_keys, server))

    def _settle(self, server: RunningServer, domain: str, names: Sequence[str], chain: str) -> None:
        settings = {
            "dkim.automatic": "off",
            "dns.servers": f"{self.address(53)}:53",
            "mx.places": "any",
            "tls_out.policy_places": "any",
            "remote.authorities": str(self.authorities),
            "dkim.look_interval": "0.5",
            "smtp.max_errors": "1000",
        }
        for name, value in settings.items():
            call(server, "setting.set", name=name, value=value)
        call(server, "domain.add", name=domain)
        for name in names:
            call(server, "account.add", address=name, password=PASSWORD)
        call(server, "certificate.add", chain=Path(chain).read_text(), now=True)
        call(server, "dkim.make", domain=domain)

    def _keys(self, server: RunningServer) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = call(server, "dkim.list")["keys"]
        return found

    def _chain(self, name: str, authority: trustme.CA, *names: str) -> str:
        path = self.folder / f"{name}.pem"
        authority.issue_cert(*names).private_key_and_cert_chain_pem.write_to_path(str(path))
        return str(path)

    def _uses_keys(self, server: RunningServer) -> bool:
        return all(key["state"] == "active" for key in self._keys(server))

    def _about_keys(self, server: RunningServer) -> str:
        return f"{self._keys(server)} {server.log[-3000:]}"

    def _make_zones(self) -> SignedZones:
        digests = {"postfix": _digest(self._postfix_chain), "other": hashlib.sha256(b"other").hexdigest()}
        places = [self.address(number) for number in range(256)]
        keys = self._keys(self.here) + self._keys(self.there)

        def filled(text: str) -> str:
            return text.format(*places, **digests)

        def own(domain: str, host: str, number: int, chain: str) -> str:
            text = f"@ MX 10 {host}\n{host} A {places[number]}\n_25._tcp.{host} TLSA 3 1 1 {_digest(chain)}\n"
            for key in keys:
                if key["name"].endswith(f".{domain}"):
                    text += f"{key['name']}. TXT {_strings(key['text'])}\n"
            return text

        tells = "".join(f'_smtp._tls.{name} TXT "v=TLSRPTv1; rua=mailto:{CARL}"\n' for name in TELLS)
        plain = filled(PLAIN)
        for name in POLICIES:
            web = self.address(81 if name == "badweb" else 80)
            plain += f'_mta-sts.{name} TXT "v=STSv1; id=1;"\nmta-sts.{name} A {web}\n'
            plain += f'_smtp._tls.{name} TXT "v=TLSRPTv1; rua=mailto:{CARL}"\n'
        for place, name in enumerate(self.failing()):
            plain += f"{name} A {places[100 + place]}\n"
        return SignedZones(
            {
                "posthouse.test": own("posthouse.test", "mail", 1, self._here_chain),
                "second.test": own("second.test", "mx", 2, self._there_chain),
                "postfix.test": f"@ MX 10 mx\nmx A {places[10]}\n",
                "signed.test": filled(SIGNED) + tells,
                "plain.test": plain,
                "gone.test": "",
            },
            unsigned=["plain.test"],
            spoiled=["_25._tcp.spoiled-mx.signed.test TLSA"],
            broken=["gone.test"],
            address=self.address(53),
        )

    # ------------------------------------------------------------------ the others

    @cached_property
    def postfix(self) -> Postfix:
        """Postfix with its hosts."""
        rogue = self._chain("rogue", self._rogue, "rogue-mx.plain.test")
        domains = ["postfix.test"]
        domains += [f"{name}.signed.test" for name in ("good", "wrong", "bare", "spoiled", "missing")]
        domains += [f"{name}.plain.test" for name in (*POLICIES, "clear")]
        started = Postfix(
            [
                PostfixHost(self.address(10), self._postfix_chain),
                PostfixHost(self.address(11), rogue),
                PostfixHost(self.address(12)),
            ],
            name="mx.postfix.test",
            domains=domains,
            resolver=self.address(53),
        )
        self._stack.callback(started.close)
        return started

    def sink(self, number: int) -> Sink:
        """The sink at one of our addresses, started if it is not."""
        return self.sink_at(self.address(number))

    def sink_at(self, address: str, *options: str) -> Sink:
        """The sink at an address."""
        if address not in self._sinks:
            sink = Sink(address, *options)
            self._stack.callback(sink.close)
            wait_for(lambda: _takes(address), f"no smtp-sink at {address}")
            self._sinks[address] = sink
        return self._sinks[address]

    @staticmethod
    def failing() -> list[str]:
        """Names in plain.test of hosts that fail: way and stage."""
        return [f"{way}-{'end' if stage == '.' else stage.lower()}" for way in FAILURES for stage in STAGES]

    def start_failing(self) -> None:
        """Start their sinks, all at once."""
        stages = [(option, stage) for option in FAILURES.values() for stage in STAGES]
        for place, (option, stage) in enumerate(stages):
            address = self.address(100 + place)
            self._sinks[address] = Sink(address, option, stage)
            self._stack.callback(self._sinks[address].close)
        for place in range(len(stages)):
            wait_for(partial(_listens, self.address(100 + place)), "no smtp-sink")

    @cached_property
    def web(self) -> tuple[Policies, Policies]:
        """The servers of policies, the good one and the other."""
        hosts = {f"mta-sts.{name}.plain.test": policy for name, policy in POLICIES.items()}
        texts = {
            host: f"version: STSv1\nmode: {mode}\n{f'mx: {mx}' if mx else ''}\nmax_age: 86400\n".replace(
                "\n\n", "\n"
            )
            for host, (mode, mx) in hosts.items()
        }
        started = []
        for number, authority in ((80, self._good), (81, self._rogue)):
            chain = self._chain(f"web-{number}", authority, *hosts)
            started.append(Policies(self.address(number), chain, texts))
            self._stack.callback(started[-1].close)
        return started[0], started[1]

    # ------------------------------------------------------------------ looking

    def queued(self, recipient: str, server: RunningServer | None = None) -> list[dict[str, Any]]:
        """The rows of the queue for recipients that end so, as ``posthouse queue show`` has them, after their first
        attempt."""
        server = server or self.here
        rows: list[dict[str, Any]] = []
        for message in call(server, "queue.list")["messages"]:
            try:
                shown = call(server, "queue.show", id=message["id"])
            except CommandError as problem:
                if problem.kind != "missing":
                    raise
                continue  # it has left since the list was made
            rows += [
                {**row, "message": message["id"]}
                for row in shown["recipients"]
                if row["recipient"].endswith(recipient)
                and row["attempts"]
                and row["state"] != "being delivered"
            ]
        return rows

    def waits(self, recipient: str) -> dict[str, Any]:
        """The row of a recipient that was tried and waits."""
        return wait_for(lambda: (self.queued(recipient) or [{}])[0], lambda: self.here.log[-3000:])

    def trace(self, address: str) -> str:
        """What ``posthouse message trace`` tells."""
        return self.here.command("message", "trace", address).stdout

    def tls_results(self, domain: str) -> list[tuple[Any, ...]]:
        """What is kept for the TLS report of a domain: kind, host, result, sessions."""
        with closing(sqlite3.connect(f"file:{self.here.data}/posthouse.db?mode=ro", uri=True)) as base:
            return base.execute(
                "SELECT kind, host, result, sessions FROM tls_results WHERE domain = ? ORDER BY result",
                [domain],
            ).fetchall()


# ---------------------------------------------------------------------- sending and looking


def call(server: RunningServer, use: str, **parameters: Any) -> Any:
    """What an administrative use answers, by the control socket as the command line has it."""
    client = ControlClient(str(server.data), "")
    try:
        return client.call(use, parameters, lambda emitted: None)
    finally:
        client.close()


def letter(subject: str, sender: str = ANNA, to: str = CARL, text: str = "Grüße.\n.\nEnde\n") -> bytes:
    """A message."""
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Message-ID"] = f"<{subject.replace(' ', '-')}@{sender.rpartition('@')[2]}>"
    message["Date"] = "Mon, 01 Jun 2026 12:00:00 +0000"
    message.set_content(text, cte="quoted-printable")
    return bytes(message)


def submit(server: RunningServer, subject: str, to: str | Sequence[str], **more: Any) -> None:
    """Hand in a message as its sender (``sender``; else anna), with STARTTLS and a password."""
    recipients = [to] if isinstance(to, str) else list(to)
    sender = more.pop("sender", ANNA)
    message = more.pop("message", None) or letter(subject, sender, recipients[0])
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", server.submission, timeout=30) as client:
        client.starttls(context=trusting)
        client.login(sender, PASSWORD)
        client.sendmail(sender, recipients, message, **more)


def inject(address: str, subject: str, sender: str, to: str, **more: Any) -> None:
    """Hand a message to a server at port 25."""
    message = more.pop("message", None) or letter(subject, sender, to)
    with smtplib.SMTP(address, 25, timeout=30) as client:
        client.sendmail(sender, [to], message, **more)


def wait_for(
    look: Callable[[], Found], otherwise: str | Callable[[], str] = "", seconds: float = 60
) -> Found:
    """What ``look`` finds once it finds something."""
    limit = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < limit, otherwise if isinstance(otherwise, str) else otherwise()
        time.sleep(0.1)
    return found


def mailbox(server: RunningServer, user: str) -> list[bytes]:
    """The messages in somebody's inbox."""
    with imaplib.IMAP4("127.0.0.1", server.imap, timeout=30) as client:
        client.login(user, PASSWORD)
        client.select("INBOX", readonly=True)
        _, rows = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
        return [row[1] for row in rows if isinstance(row, tuple)]


def arrived(server: RunningServer, user: str, *words: bytes) -> bytes:
    """The first message in somebody's inbox that has all these words; waits for it."""

    def look() -> bytes:
        found = (each for each in mailbox(server, user) if all(word in each for word in words))
        return next(found, b"")

    return wait_for(look, lambda: f"{words}: {server.log[-3000:]}")


def _takes(address: str) -> bool:
    with suppress(OSError), socket.create_connection((address, 25), 2) as probe:
        return probe.recv(3) == b"220"
    return False


def _listens(address: str) -> bool:
    """By the kernel's table: connecting would be a session that smtp-sink counts."""
    wanted = f"{socket.inet_aton(address)[::-1].hex().upper()}:0019 00000000:0000 0A"
    return wanted in Path("/proc/net/tcp").read_text()


def _digest(chain: str) -> str:
    """The data of a TLSA record 3 1 1."""
    certificate = x509.load_pem_x509_certificates(Path(chain).read_bytes())[0]
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


def _strings(text: str) -> str:
    """A TXT record's data; what is given may be in quotation marks already."""
    if text.startswith('"'):
        return text
    return " ".join(f'"{text[start : start + 200]}"' for start in range(0, len(text), 200))
