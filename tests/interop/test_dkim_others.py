"""What we sign is verified by dkimpy and opendkim, and what they sign by us, over the corpus of odd messages; ARC with
dkimpy, SRS with Mail::SRS, all both ways."""

from __future__ import annotations

import base64
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from system_dkimpy import load

from posthouse.mail import headers
from posthouse.origin.arc import Chain, ChainVerification, seal
from posthouse.origin.dkim import SigningKey, Verification, sign
from posthouse.origin.keys import make_key, record_of
from posthouse.origin.signature import KeyAnswer
from posthouse.origin.srs import Srs

dkim: Any = load()

CORPUS = Path(__file__).parents[1] / "corpus"
RSA, ED = make_key("rsa-sha256"), make_key("ed25519-sha256")
KEYS = [SigningKey("example.org", "r", RSA), SigningKey("example.org", "e", ED)]
RECORDS = {
    "r._domainkey.example.org": record_of("rsa-sha256", RSA.public),
    "e._domainkey.example.org": record_of("ed25519-sha256", ED.public),
}
ANSWERS = {name: KeyAnswer("found", (record,)) for name, record in RECORDS.items()}


def dns(name: bytes, timeout: int = 5) -> bytes | None:
    """For dkimpy."""
    found = RECORDS.get(name.decode().rstrip("."))
    return found.encode() if found else None


def messages() -> list[tuple[str, bytes]]:
    """The corpus as it is after the way over SMTP: lines end in CRLF, there is one From and no NUL."""
    found = []
    for path in sorted(CORPUS.rglob("*.eml")):
        raw = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"").replace(b"\x00", b"")
        raw = raw.replace(b"\n", b"\r\n")
        end = headers.header_end(raw)
        rest = headers.remove(raw[:end], b"from")
        header = b"".join(rest[field.start : field.end] for field in headers.fields(rest))
        header += b"" if not header or header.endswith(b"\r\n") else b"\r\n"
        body = raw[end:]
        body += b"" if not body or body.endswith(b"\r\n") else b"\r\n"
        found.append((path.name, b"From: Ann <ann@example.org>\r\n" + header + b"\r\n" + body))
    assert len(found) > 400
    return found


def _plain(message: bytes) -> bool:
    """Whether every field has a name that everybody reads as one."""
    names = [field.name for field in headers.fields(message[: headers.header_end(message)])]
    return all(re.fullmatch(rb"[A-Za-z0-9-]+", name) for name in names)


MESSAGES = messages()
NARROW = [
    (name, message)
    for name, message in MESSAGES
    if message.isascii()
    and len(message) < 200_000
    and _plain(message)
    and all(len(line) < 990 for line in message.split(b"\r\n"))
]
"""What opendkim's test mode reads as it stands."""


@pytest.mark.needs("dkimpy")
def test_dkimpy_verifies_what_we_sign() -> None:
    now = time.time()
    wrong = []
    for name, message in MESSAGES:
        try:
            theirs = dkim.DKIM(sign(message, KEYS, now) + message)
            good = theirs.verify(0, dnsfunc=dns) and theirs.verify(1, dnsfunc=dns)
        except dkim.MessageFormatError:
            continue  # it does not read such a header at all
        if not good:
            wrong.append(name)
    assert wrong == []


@pytest.mark.needs("dkimpy")
@pytest.mark.parametrize("forms", [(b"relaxed", b"relaxed"), (b"simple", b"simple"), (b"relaxed", b"simple")])
def test_we_verify_what_dkimpy_signs(forms: tuple[bytes, bytes]) -> None:
    now = time.time() + 1
    raw = ED.key.private_bytes_raw()
    wrong, count = [], 0
    for name, message in MESSAGES:
        try:
            made = dkim.sign(
                message,
                b"e",
                b"example.org",
                base64.b64encode(raw),
                canonicalize=forms,
                signature_algorithm=b"ed25519-sha256",
            )
        except dkim.MessageFormatError:
            continue
        count += 1
        (result, *_) = Verification(made + message, now).results(ANSWERS)
        if result.state != "pass":
            wrong.append((name, result))
    assert wrong == []
    assert count > 400


@pytest.mark.needs("opendkim")
def test_opendkim_verifies_what_we_sign(tmp_path: Path) -> None:
    (tmp_path / "dns").write_text("".join(f"{name} {record}\n" for name, record in RECORDS.items()))
    (tmp_path / "conf").write_text(f"Mode v\nTestDNSData {tmp_path}/dns\nRequireSafeKeys false\n")
    now = time.time()
    files = []
    for number, (_, message) in enumerate(NARROW):
        path = tmp_path / f"{number}.eml"
        path.write_bytes(sign(message, KEYS[:1], now) + message)
        files.append(str(path))
    assert len(files) > 150
    answer = _opendkim(tmp_path, files)
    verified = re.findall(r"(\d+)\.eml: verification \(s=r, d=example\.org, 2048-bit key\) succeeded", answer)
    missing = {NARROW[number][0] for number in range(len(NARROW))} - {NARROW[int(at)][0] for at in verified}
    assert not missing
    (tmp_path / "bad.eml").write_bytes(Path(files[0]).read_bytes() + b"more\r\n")
    assert "failed" in _opendkim(tmp_path, [str(tmp_path / "bad.eml")])


@pytest.mark.needs("opendkim")
@pytest.mark.parametrize("forms", ["relaxed/relaxed", "relaxed/simple"])
def test_we_verify_what_opendkim_signs(tmp_path: Path, forms: str) -> None:
    (tmp_path / "key").write_text(RSA.pem)
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "conf").write_text(
        f"Mode s\nKeyFile {tmp_path}/key\nDomain example.org\nSelector r\nCanonicalization {forms}\n"
        "RequireSafeKeys false\nOversignHeaders From\n"
    )
    for number, (_, message) in enumerate(NARROW):
        (tmp_path / f"{number}.eml").write_bytes(message)
    now, wrong, count = time.time() + 1, [], 0
    for number, (name, message) in enumerate(NARROW):
        made = re.findall(
            r"hname='DKIM-Signature' hvalue='([^']*)'", _opendkim(tmp_path, [f"{tmp_path}/{number}.eml"])
        )
        if not made:
            continue  # it declines such a header
        count += 1
        field = b"DKIM-Signature: " + made[0].replace("\n", "\r\n").encode() + b"\r\n"
        (result, *_) = Verification(field + message, now).results(ANSWERS)
        if result.state != "pass":
            wrong.append((name, result.reason))
    assert wrong == []
    assert count > 150


def _opendkim(folder: Path, files: list[str]) -> str:
    """Its words on each file; one call each, as it ends at the first that it does not like."""
    said = []
    for file in files:
        done = subprocess.run(
            ["/usr/sbin/opendkim", "-x", str(folder / "conf"), "-vv", "-t", file],
            capture_output=True,
            timeout=60,
            check=False,
        )
        said.append((done.stdout + done.stderr).decode("utf-8", "replace"))
    return "\n".join(said)


@pytest.mark.needs("dkimpy")
def test_arc_both_ways_with_dkimpy() -> None:
    now = time.time()
    pem = RSA.pem.encode()
    for name, message in MESSAGES[::7]:
        ours = seal(message, KEYS[0], Chain("none"), "mx.example.org", "spf=pass", now) + message
        try:
            assert dkim.arc_verify(ours, dnsfunc=dns)[0] == b"pass", name
        except dkim.MessageFormatError:
            continue
        # Theirs upon ours, then ours upon theirs.
        marked = b"Authentication-Results: mx.example.org; arc=pass\r\n" + ours
        theirs = b"".join(dkim.arc_sign(marked, b"r", b"example.org", pem, b"mx.example.org")) + marked
        chain = ChainVerification(theirs, now + 5).result(ANSWERS)
        assert (chain.state, chain.length) == ("pass", 2), (name, chain)
        third = seal(theirs, KEYS[0], chain, "mx.example.org", "arc=pass", now) + theirs
        assert dkim.arc_verify(third, dnsfunc=dns)[0] == b"pass", name


@pytest.mark.needs("perl", "Mail::SRS")
def test_srs_both_ways_with_mail_srs() -> None:
    ours = Srs("ours.example", b"secret one")
    now = time.time()
    senders = ["ann@a.example", "a+b=c@sub.a.example", "SRS0+abcd=AB=c.example=x@d.example"]
    script = """
        use Mail::SRS; my $srs = new Mail::SRS(Secret => "secret one", MaxAge => 21, HashLength => 4, Separator => "=");
        while (my $line = <STDIN>) { chomp $line; my ($what, $address) = split / /, $line;
        print $what eq "forward" ? $srs->forward($address, "ours.example") : $srs->reverse($address), "\\n"; }
    """
    made = [ours.forward(sender, now) or "" for sender in senders]
    lines = [*(f"forward {sender}" for sender in senders), *(f"reverse {each}" for each in made)]
    done = subprocess.run(
        ["perl", "-e", script], input="\n".join(lines), capture_output=True, text=True, timeout=30, check=True
    )
    answers = done.stdout.split()
    assert answers[:3] == made
    assert answers[3:] == [ours.reverse(each, now) for each in made]
