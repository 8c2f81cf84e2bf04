"""Kerberos: tickets of a real domain controller sign in to a whole server, with curl, msmtp and neomutt; and what is no
good ticket does not."""

from __future__ import annotations

import base64
import importlib.util
import os
import random
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ldap_servers import PASSWORD, SambaDomain
from running import RunningServer

REALM = "AD.CORP.TEST"
ANNA, BERT, CHIEF, DORA = (f"{name}@corp.test" for name in ("anna", "bert", "chief", "dora"))
HOST = "mail.ad.corp.test"
SERVICES = [f"{service}/{host}" for service in ("imap", "smtp", "pop") for host in (HOST, "localhost")]

pytestmark = [
    pytest.mark.timeout(600),  # making a domain takes long on a busy machine
    pytest.mark.needs("samba", "samba-tool", "unshare", "ip", "kinit", "curl", "msmtp", "neomutt", "tmux"),
]


@dataclass
class Realm:
    """A domain with people who have tickets, and a mail server that takes them."""

    folder: Path
    domain: SambaDomain
    server: RunningServer

    def of(self, name: str) -> dict[str, str]:
        """The environment of somebody with a ticket (or, for nobody, without)."""
        cache = f"FILE:{self.folder / name}.ccache"
        return {**os.environ, "KRB5_CONFIG": str(self.folder / "krb5.conf"), "KRB5CCNAME": cache}

    def kinit(self, name: str, principal: str) -> None:
        subprocess.run(
            ["kinit", principal], input=f"{PASSWORD}\n".encode(), env=self.of(name), check=True, timeout=120
        )

    def curl(self, who: str, url: str, *more: str, user: str = "") -> subprocess.CompletedProcess[bytes]:
        port = url.split(":")[2].split("/")[0]
        words = ["curl", "-sSk", "--url", url, "--resolve", f"{HOST}:{port}:127.0.0.1"]
        words += ["--user", f"{user or who + '@' + REALM}:", "--login-options", "AUTH=GSSAPI", *more]
        return subprocess.run(words, env=self.of(who), capture_output=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realm]:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("a domain controller needs root")
    if importlib.util.find_spec("gssapi") is None:
        pytest.skip("needs the extra kerberos: not installed")
    folder = tmp_path_factory.mktemp("kerberos")
    domain = SambaDomain()
    server = RunningServer(folder / "posthouse")
    try:
        domain.fill({name: f"{name}@corp.test" for name in ("anna", "bert", "chief", "dora")}, [], {})
        keytab = domain.add_service("mailserver", SERVICES)
        domain.add_service("webserver", ["http/localhost"])
        domain.start()
        (folder / "krb5.conf").write_text(
            f"[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\ndns_lookup_realm = false\n"
            "dns_canonicalize_hostname = false\nrdns = false\nudp_preference_limit = 1\n"
            f"[realms]\n{REALM} = {{\n kdc = 127.0.0.1:{domain.kdc}\n}}\n"
            f"[domain_realm]\nlocalhost = {REALM}\n{HOST} = {REALM}\n"
        )
        server.add_domain("corp.test")
        for address in (ANNA, BERT, CHIEF):
            server.add_account(address)
        server.command("account", "role", CHIEF, "server")
        server.command("setting", "set", "kerberos.keytab", str(keytab))
        server.command("setting", "set", "kerberos.realms", f"{REALM}=corp.test")
        for name in ("signin.free_failures", "smtp.max_auth_failures"):
            server.command("setting", "set", name, "100")
        server.start()
        made = Realm(folder, domain, server)
        for name in ("anna", "bert", "chief", "dora"):
            made.kinit(name, f"{name}@{REALM}")
        yield made
    finally:
        server.stop()
        domain.close()


def test_curl_reads_and_sends_with_a_ticket(realm: Realm, tmp_path: Path) -> None:
    """IMAP, POP3 and submission, without any password; nobody without a ticket."""
    server = realm.server
    message = tmp_path / "message"
    message.write_bytes(b"From: anna@corp.test\r\nTo: anna@corp.test\r\nSubject: by ticket\r\n\r\nHello\r\n")
    submission = (
        f"smtps://{HOST}:{server.submissions}",
        "--mail-from",
        ANNA,
        "--mail-rcpt",
        ANNA,
        "-T",
        message,
    )
    sent = realm.curl("anna", *map(str, submission))
    assert sent.returncode == 0, (sent.stderr, server.log[-3000:])
    read = realm.curl("anna", f"imaps://{HOST}:{server.imaps}/INBOX;MAILINDEX=1")
    assert b"by ticket" in read.stdout, (read.stderr, server.log[-3000:])
    popped = realm.curl("anna", f"pop3s://{HOST}:{server.pop3s}/1")
    assert b"by ticket" in popped.stdout, (popped.stderr, server.log[-3000:])
    assert realm.curl("nobody", f"imaps://{HOST}:{server.imaps}/").returncode != 0


def test_msmtp_sends_with_a_ticket(realm: Realm, tmp_path: Path) -> None:
    rc = tmp_path / "msmtprc"
    rc.write_text(
        f"account a\nhost localhost\nport {realm.server.submission}\nfrom {ANNA}\nauth gssapi\nuser {ANNA}\n"
        "tls on\ntls_starttls on\ntls_certcheck off\n"
    )
    rc.chmod(0o600)
    done = subprocess.run(
        ["msmtp", "-C", str(rc), "-a", "a", BERT],
        input=b"From: anna@corp.test\nTo: bert@corp.test\nSubject: by msmtp\n\nHello\n",
        env=realm.of("anna"), capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stderr, realm.server.log[-3000:])
    read = realm.curl("bert", f"imaps://{HOST}:{realm.server.imaps}/INBOX;MAILINDEX=1")
    assert b"by msmtp" in read.stdout


def test_neomutt_reads_with_a_ticket(realm: Realm, tmp_path: Path) -> None:
    server = realm.server
    rc = tmp_path / "neomuttrc"
    rc.write_text(
        f'set folder = "imaps://localhost:{server.imaps}/"\nset spoolfile = "+INBOX"\nset imap_user = "chief"\n'
        'set imap_authenticators = "gssapi"\nset imap_pass = "no password"\nset ssl_verify_host = no\n'
        f'set ssl_verify_dates = no\nset certificate_file = "{tmp_path}/certificates"\nset ssl_force_tls = yes\n'
        f'set header_cache = ""\nset tmpdir = "{tmp_path}"\nset history_file = ""\nset sleep_time = 0\n'
    )
    sent = f"From: {CHIEF}\r\nSubject: for neomutt\r\n\r\nHello\r\n".encode()
    (tmp_path / "message").write_bytes(sent)
    put = realm.curl("chief", f"imaps://{HOST}:{server.imaps}/INBOX", "-T", str(tmp_path / "message"))
    assert put.returncode == 0, put.stderr
    tmux = ("tmux", "-L", f"posthouse-kerberos-{os.getpid()}")
    passed = {key: value for key, value in realm.of("chief").items() if key.startswith("KRB5")}
    words = " ".join(f"{key}={value}" for key, value in passed.items())
    command = f"env HOME={tmp_path} TERM=screen LANG=C.UTF-8 {words} neomutt -n -F {rc}"
    subprocess.run(
        [*tmux, "-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "40", "-s", "m", command],
        check=True,
    )
    try:
        until = time.monotonic() + 60
        while True:
            shown = subprocess.run(
                [*tmux, "capture-pane", "-p", "-t", "m"], capture_output=True, check=True
            ).stdout.decode()
            if "for neomutt" in shown:
                break
            assert time.monotonic() < until, (shown, server.log[-3000:])
            if "(o)nce" in shown:
                subprocess.run([*tmux, "send-keys", "-t", "m", "o"], check=True)
            time.sleep(0.3)
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)


def soon(what: Callable[[], bool]) -> bool:
    """Workers hear of a change within a second; wait as long as a busy machine needs."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.2)
    return False


def test_the_directory_makes_the_account_at_the_first_ticket(realm: Realm) -> None:
    """Dora has no account: with an LDAP source of her domain her first ticket makes it; without one nothing does."""
    server, domain = realm.server, realm.domain
    url = f"imaps://{HOST}:{server.imaps}/"
    assert realm.curl("dora", url).returncode != 0
    server.command(
        "source", "add", "ldap", "ad", "--server", f"ldaps://127.0.0.1:{domain.port}", "--ca-file", domain.ca_file,
        "--domain", "corp.test", "--create", "--bind-dn", "Administrator@ad.corp.test", "--secret-stdin",
        "--search-base", domain.base, "--search-filter", "(&(objectCategory=person)(mail={address}))",
        stdin=PASSWORD + "\n",
    )  # fmt: skip
    assert soon(lambda: realm.curl("dora", url).returncode == 0), server.log[-3000:]
    assert "dora" in server.command("account", "list").stdout


def test_limits_of_the_account_hold_for_tickets(realm: Realm) -> None:
    """Who is switched off is refused with a good ticket as with a password, and let in again afterwards."""
    server = realm.server
    url = f"imaps://{HOST}:{server.imaps}/"
    assert realm.curl("bert", url).returncode == 0
    server.command("account", "close", BERT)
    assert soon(lambda: realm.curl("bert", url).returncode != 0)
    server.command("account", "open", BERT)
    assert soon(lambda: realm.curl("bert", url).returncode == 0)


# --- a client of our own, for what no honest one sends -------------------------------------------------------


class Imap:
    """An IMAP connection on which AUTHENTICATE is spoken by hand."""

    def __init__(self, server: RunningServer) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", server.imaps), 60)
        self.socket = context.wrap_socket(plain)
        self.lines = self.socket.makefile("rb")
        assert b"AUTH=GSSAPI" in self.lines.readline()

    def say(self, line: bytes) -> bytes:
        """Send a line; the answer (a continuation, or the tagged line)."""
        self.socket.sendall(line + b"\r\n")
        while (answer := self.lines.readline()).startswith(b"* "):
            if answer.startswith(b"* BYE"):
                return answer
        return answer

    def authenticate(self, first: bytes) -> bytes:
        assert self.say(b"a AUTHENTICATE GSSAPI").startswith(b"+")
        return self.say(base64.b64encode(first))

    def close(self) -> None:
        self.lines.close()
        self.socket.close()


@pytest.fixture
def initiate(realm: Realm, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A context of a client's side: (who, service) → context."""
    gssapi = pytest.importorskip("gssapi")
    monkeypatch.setenv("KRB5_CONFIG", str(realm.folder / "krb5.conf"))

    def made(who: str, service: str = "imap") -> Any:
        creds = gssapi.Credentials(usage="initiate", store={"ccache": f"FILE:{realm.folder / who}.ccache"})
        name = gssapi.Name(f"{service}@localhost", gssapi.NameType.hostbased_service)
        return gssapi.SecurityContext(name=name, creds=creds, usage="initiate")

    return made


def exchanged(realm: Realm, context: Any, choice: bytes, *, seal: bool = True) -> bytes:
    """The answer to a whole exchange that ends with this choice."""
    imap = Imap(realm.server)
    try:
        answer = imap.authenticate(context.step())
        while not context.complete:
            token = context.step(base64.b64decode(answer[2:]))
            answer = imap.say(base64.b64encode(token or b""))
        offer = context.unwrap(base64.b64decode(answer[2:])).message
        assert offer == b"\1\0\0\0"
        wrapped = context.wrap(choice, False).message if seal else choice
        return imap.say(base64.b64encode(wrapped))
    finally:
        imap.close()


@pytest.mark.parametrize("authzid", ["", ANNA, "anna", f"anna@{REALM}", "Anna@Corp.Test"])
def test_whom_a_ticket_may_name(realm: Realm, initiate: Any, authzid: str) -> None:
    assert exchanged(realm, initiate("anna"), b"\1\0\0\0" + authzid.encode()).startswith(b"a OK")


@pytest.mark.parametrize(
    ("choice", "code"),
    [
        (b"\1\0\0\0" + CHIEF.encode(), b"a NO [AUTHENTICATIONFAILED]"),
        (b"\1\0\0\0chief", b"a NO [AUTHENTICATIONFAILED]"),
        (b"\4\0\x10\0", b"a NO [AUTHENTICATIONFAILED]"),
        (b"\1\0", b"a BAD"),
        (b"\1\0\0\0\xff\xfe", b"a BAD"),
        (b"\1\0\0\0anna\0bert", b"a BAD"),
    ],
)
def test_choices_that_are_refused(realm: Realm, initiate: Any, choice: bytes, code: bytes) -> None:
    assert exchanged(realm, initiate("anna"), choice).startswith(code)


def test_a_choice_that_is_not_sealed_is_refused(realm: Realm, initiate: Any) -> None:
    answer = exchanged(realm, initiate("anna"), b"\1\0\0\0", seal=False)
    assert answer.startswith(b"a NO [AUTHENTICATIONFAILED]")


def test_an_administrator_names_somebody_else_where_that_is_allowed(realm: Realm, initiate: Any) -> None:
    choice = b"\1\0\0\0" + ANNA.encode()
    assert exchanged(realm, initiate("chief"), choice).startswith(b"a NO")
    realm.server.command("setting", "set", "signin.master_user", "true")
    try:
        assert soon(lambda: exchanged(realm, initiate("chief"), choice).startswith(b"a OK"))
        assert exchanged(realm, initiate("bert"), choice).startswith(b"a NO")
    finally:
        realm.server.command("setting", "set", "signin.master_user", "false")
    assert "account.acted_for" in realm.server.command("audit", "list", "--json").stdout


def test_a_ticket_of_another_service_is_refused(realm: Realm, initiate: Any) -> None:
    """One with another key, that is: services of one account of the directory share a key, and cannot be told apart."""
    imap = Imap(realm.server)
    assert imap.authenticate(initiate("anna", "http").step()).startswith(b"a NO [AUTHENTICATIONFAILED]")
    imap.close()


def test_tokens_that_are_none(realm: Realm, initiate: Any) -> None:
    """Random, cut short, changed, far too long, and seen before: each is refused in IMAP's terms, and the next good
    ticket is let in."""
    good = initiate("anna").step()
    used = initiate("anna")
    first = used.step()
    imap = Imap(realm.server)
    assert imap.authenticate(first).startswith(b"+")
    imap.close()
    chance = random.Random(20)
    hostile = [first, b"", b"\0", good[:40], good[:-1], good + b"x" * 30_000, chance.randbytes(1000)]
    hostile += [bytes(byte ^ 1 if at == len(good) // 2 else byte for at, byte in enumerate(good))]
    hostile += [good[:17] + chance.randbytes(len(good) - 17)]
    for token in hostile:
        imap = Imap(realm.server)
        try:
            answer = imap.authenticate(token)
        finally:
            imap.close()
        assert answer.startswith(b"a NO [AUTHENTICATIONFAILED]"), (len(token), answer)
    imap = Imap(realm.server)
    try:
        answer = imap.authenticate(b"x" * 60_000)
    except ConnectionError:
        answer = b"* BYE"  # and closed before we had said it all
    finally:
        imap.close()
    assert not answer.startswith((b"a OK", b"+"))
    assert exchanged(realm, initiate("anna"), b"\1\0\0\0").startswith(b"a OK")
    assert "Traceback" not in realm.server.log


def test_a_keytab_that_goes_away_is_told_and_comes_back(realm: Realm) -> None:
    """Without it Kerberos is not offered, and the administrator is told; put back, it works without a restart."""
    server = realm.server
    keytab = realm.domain.folder / "services.keytab"
    away = keytab.with_name("away")
    keytab.rename(away)
    url = f"imaps://{HOST}:{server.imaps}/"
    try:
        assert soon(lambda: "No Kerberos tickets are taken" in server.command("status").stdout)
        assert realm.curl("anna", url).returncode != 0
    finally:
        away.rename(keytab)
    assert soon(lambda: realm.curl("anna", url).returncode == 0)
