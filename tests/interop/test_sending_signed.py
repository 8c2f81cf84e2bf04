"""What left is signed, and others can tell: DKIM by dkimpy and opendkim, ARC by dkimpy, with the keys that are in the
DNS; and bounces of forwarded mail find their way back."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import dns.resolver
import pytest
from mail_world import ANNA, CARL, MailWorld, arrived, call, letter, submit, wait_for
from system_dkimpy import load

dkim: Any = load()

pytestmark = [
    pytest.mark.needs("nsd", "unbound", "dnssec-signzone", "postfix", "dkimpy"),
    pytest.mark.timeout(180),
]


class Keys:
    """Asks the resolver of the world, for dkimpy."""

    def __init__(self, world: MailWorld) -> None:
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers = [world.address(53)]
        self.asked: list[str] = []

    def __call__(self, name: bytes, timeout: int = 5) -> bytes | None:
        self.asked.append(name.decode())
        try:
            (row,) = self._resolver.resolve(name.decode(), "TXT")
        except dns.resolver.NXDOMAIN:
            return None
        return b"".join(row.strings)


def at_postfix(world: MailWorld, recipient: str, subject: str) -> bytes:
    """A message as Postfix kept it."""

    def look() -> bytes:
        found = world.postfix.mail(recipient)
        return next((each for each in found if f"\r\nSubject: {subject}\r\n".encode() in each), b"")

    return wait_for(look, lambda: f"{world.here.log[-3000:]} {world.postfix.log[-3000:]}")


def verified(message: bytes, number: int, keys: Keys) -> bool:
    """Whether dkimpy finds this signature good."""
    try:
        return bool(dkim.DKIM(message).verify(number, dnsfunc=keys))
    except dkim.ValidationError:
        return False


def opendkim(world: MailWorld, folder: Path, message: bytes) -> str:
    """What opendkim says of a message, with keys from the DNS."""
    (folder / "unbound.conf").write_text(
        "server:\n  do-not-query-localhost: no\n  local-zone: test. nodefault\n"
        f"forward-zone:\n  name: .\n  forward-addr: {world.address(53)}\n"
    )
    (folder / "conf").write_text(
        f"Mode v\nResolverConfiguration {folder}/unbound.conf\nRequireSafeKeys false\n"
    )
    (folder / "mail.eml").write_bytes(message)
    done = subprocess.run(
        ["/usr/sbin/opendkim", "-x", str(folder / "conf"), "-vv", "-t", str(folder / "mail.eml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.needs("opendkim")
def test_both_signatures_are_good(world: MailWorld, tmp_path: Path) -> None:
    """RSA and Ed25519, after the way through Postfix; a changed byte breaks both."""
    assert world.postfix
    submit(world.here, "signed", "user@postfix.test")
    message = at_postfix(world, "user@postfix.test", "signed")
    keys = Keys(world)
    assert verified(message, 0, keys)
    assert verified(message, 1, keys)
    assert {name.partition("-")[0] for name in keys.asked} == {"rsa", "ed"}
    assert all(name.rstrip(".").endswith("._domainkey.posthouse.test") for name in keys.asked)
    changed = message.replace(b"Ende", b"ende")
    assert changed != message
    assert not verified(changed, 0, keys)
    assert not verified(changed, 1, keys)
    assert re.search(
        r"s=rsa-\S+ d=posthouse\.test, 2048-bit key\) succeeded", opendkim(world, tmp_path, message)
    )
    assert "succeeded" not in opendkim(world, tmp_path, changed)


def test_a_signed_message_is_forwarded(world: MailWorld) -> None:
    """Carl's own server signed it; an alias here sends it on: his signatures hold, ours is the seal."""
    assert world.postfix
    call(world.here, "alias.add", address="onward@posthouse.test", target="bert@postfix.test")
    message = letter("sent on", CARL, "onward@posthouse.test")
    submit(world.there, "sent on", "onward@posthouse.test", sender=CARL, message=message)
    found = at_postfix(world, "bert@postfix.test", "sent on")
    assert re.match(rb"Return-Path: <SRS0=[^@]+=second\.test=carl@posthouse\.test>\r\n", found)
    keys = Keys(world)
    domains = re.findall(rb"DKIM-Signature: [^\r]*(?:\r\n[ \t][^\r]*)*?\bd=([a-z.]+)", found)
    assert domains.count(b"second.test") == 2
    for number, domain in enumerate(domains):
        assert verified(found, number, keys), domain
    state, sets, reason = dkim.arc_verify(found, dnsfunc=keys)
    assert (state, len(sets)) == (b"pass", 1), reason
    assert b"d=posthouse.test" in found[found.index(b"ARC-Seal:") :][:500]


def test_a_forward_that_comes_back(world: MailWorld) -> None:
    """Postfix takes it and bounces it: to our rewritten address, through us, to Carl's server."""
    call(world.here, "alias.add", address="astray@posthouse.test", target="late@postfix.test")
    assert world.postfix
    submit(world.there, "gone astray", "astray@posthouse.test", sender=CARL)
    report = arrived(world.there, CARL, b"multipart/report", b"gone astray")
    assert report.startswith(b"Return-Path: <>\r\n")
    assert b"Reporting-MTA: dns; mx.postfix.test" in report
    assert b"Final-Recipient: rfc822; late@postfix.test" in report
    assert b"nobody lives here any more" in report
    (line,) = [
        line for line in world.postfix.log.splitlines() if "to=<SRS0=" in line and "status=sent" in line
    ]
    assert "relay=mail.posthouse.test[" in line


def test_a_bounce_of_our_own_mail(world: MailWorld) -> None:
    """Without a forward there is nothing to rewrite; an address that nobody made is refused."""
    assert world.postfix
    submit(world.here, "to somebody late", "late@postfix.test")
    report = arrived(world.here, ANNA, b"multipart/report", b"to somebody late")
    assert b"Reporting-MTA: dns; mx.postfix.test" in report


def test_what_is_signed_is_the_message_with_the_words_below_it(world: MailWorld) -> None:
    """The signature of the sender is put below before the message is signed (DKIM), at the outside both are there."""
    assert world.postfix
    world.here.command("account", "signature", "set", ANNA, "--text", "Anna, of the post office")
    try:
        submit(world.here, "with words below", "user@postfix.test")
        message = at_postfix(world, "user@postfix.test", "with words below")
    finally:
        world.here.command("account", "signature", "set", ANNA, "--text", "")
    assert b"Anna, of the post office" in message
    keys = Keys(world)
    assert verified(message, 0, keys)
    assert verified(message, 1, keys)
    assert not verified(message.replace(b"of the post office", b"of the Post office"), 0, keys)
