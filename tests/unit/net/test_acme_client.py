"""The ACME client against an authority that misbehaves, when to renew, and the proofs by DNS."""

from __future__ import annotations

import asyncio
import base64
import datetime
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from posthouse.net.acme import renewal
from posthouse.net.acme.client import LARGEST_ANSWER, NONCE_TRIES, AcmeClient, seconds_of
from posthouse.net.acme.contract import DNS, Proof
from posthouse.net.acme.dns_hook import DnsHook
from posthouse.net.acme.dns_update import DnsUpdate, server_place
from posthouse.net.acme.errors import AcmeError, problem
from posthouse.net.acme.keys import AccountKey, digest
from posthouse.net.acme.order import obtain
from posthouse.net.acme.tls_alpn import challenge_certificate
from posthouse.net.certificates import KEPT_FORMER, SelfMade, fingerprint
from posthouse.net.tls import ServerContexts

BASE = "https://ca.test"
PROBLEM = {"Content-Type": "application/problem+json", "Replay-Nonce": "bm9uY2U"}

Answers = Callable[[str, dict[str, Any]], httpx2.Response]


def refusal(kind: str, detail: str = "", status: int = 400, **further: str) -> httpx2.Response:
    document = {"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail}
    return httpx2.Response(status, content=json.dumps(document), headers={**PROBLEM, **further})


class Authority:
    """Answers by ``answers(path, payload)``; ``asked`` holds path and payload of every signed request."""

    def __init__(self, answers: Answers, **directory: Any) -> None:
        self.answers = answers
        self.directory = {"newNonce": f"{BASE}/nonce", "newOrder": f"{BASE}/order", **directory}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path == "/dir":
            return httpx2.Response(200, json=self.directory)
        if path == "/nonce":
            return httpx2.Response(200, headers={"Replay-Nonce": "bm9uY2U"})
        payload: dict[str, Any] = {}
        if request.method == "POST":
            body = json.loads(request.content)
            header = json.loads(_decoded(body["protected"]))
            assert header["url"] == str(request.url)
            assert header["alg"] == "ES256"
            payload = json.loads(_decoded(body["payload"]) or b"{}")
        self.asked.append((path, payload))
        return self.answers(path, payload)

    async def client(self) -> AcmeClient:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(self))
        made = AcmeClient(http, f"{BASE}/dir", AccountKey.make(), f"{BASE}/account/1")
        await made.open()
        return made


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def failure(authority: Authority) -> AcmeError:
    client = await authority.client()
    with pytest.raises(AcmeError) as caught:
        await client.order(["a.test"])
    return caught.value


async def test_a_refused_one_time_number_is_tried_again_but_not_for_ever() -> None:
    authority = Authority(lambda path, payload: refusal("badNonce"))
    error = await failure(authority)
    assert error.kind == "badNonce"
    assert len(authority.asked) == NONCE_TRIES


async def test_problems_are_told_in_plain_words() -> None:
    """Kind, the authority's own words on one line, the parts of a problem, and how long it asks us to wait."""
    authority = Authority(
        lambda path, payload: refusal("rateLimited", "too\r\n\x1b[31mmany", 429, **{"Retry-After": "3600"})
    )
    error = await failure(authority)
    assert error.retry_after == 3600
    assert str(error) == (
        'the authority says that there were too many orders lately (it says: "too [31mmany")'
    )
    parts = {
        "type": "urn:ietf:params:acme:error:compound",
        "subproblems": [
            {"type": "urn:ietf:params:acme:error:caa", "identifier": {"value": "a.test"}, "detail": "no"},
            "nonsense",
        ],
    }
    assert "a.test: a CAA record of the domain forbids" in str(problem(parts))
    assert "refuses" in str(problem({"type": "urn:other:thing"}))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx2.Response(502, text="<html>"), "ca.test answers 502"),
        (httpx2.Response(201, text="{", headers={"Content-Type": "application/json"}), "not understood"),
        (httpx2.Response(201, json={"status": "pending"}), "without saying where"),
        (httpx2.Response(201, content=b"x" * (LARGEST_ANSWER + 1)), "more than can be meant"),
    ],
)
async def test_answers_that_make_no_sense(answer: httpx2.Response, words: str) -> None:
    assert words in str(await failure(Authority(lambda path, payload: answer)))


async def test_an_unreachable_authority_is_named() -> None:
    def broken(path: str, payload: dict[str, Any]) -> httpx2.Response:
        raise httpx2.ConnectError("connection refused")

    error = await failure(Authority(broken))
    assert error.kind == "unreachable"
    assert str(error) == "ca.test cannot be reached (connection refused)"


class NoProof:
    kind = DNS

    async def show(self, proofs: Sequence[Proof]) -> None:
        raise AssertionError("nothing is to be proven")

    async def hide(self, proofs: Sequence[Proof]) -> None:
        raise AssertionError("nothing is to be hidden")


async def test_an_order_that_may_not_replace_is_made_without(tmp_path: Path) -> None:
    """RFC 9773 5: where the authority refuses ``replaces``, the certificate is ordered all the same."""

    def answers(path: str, payload: dict[str, Any]) -> httpx2.Response:
        if path == "/order" and "replaces" in payload:
            return refusal("alreadyReplaced", status=409)
        if path == "/order":
            order = {"status": "ready", "finalize": f"{BASE}/finalize"}
            return httpx2.Response(201, json=order, headers={"Location": f"{BASE}/o/1", **_NONCE})
        if path == "/finalize":
            assert payload["csr"]
            return httpx2.Response(200, json={"status": "processing"}, headers=_NONCE)
        if path == "/o/1":
            return httpx2.Response(200, json={"status": "valid", "certificate": f"{BASE}/c"}, headers=_NONCE)
        return httpx2.Response(200, text="the chain", headers=_NONCE)

    authority = Authority(answers)
    client = await authority.client()
    told: list[str] = []

    async def note(text: str) -> None:
        told.append(text)

    pem = AccountKey.make().pem
    chain = await obtain(client, ["a.test"], pem, NoProof(), replaces="x.y", remember=note, tell=note)
    assert chain == "the chain"
    assert told[0] == f"{BASE}/o/1"
    assert [payload.get("replaces") for path, payload in authority.asked if path == "/order"] == ["x.y", None]


_NONCE = {"Replay-Nonce": "bm9uY2U"}


async def test_renewal_windows_that_make_no_sense_are_refused() -> None:
    window: dict[str, Any] = {}
    authority = Authority(
        lambda path, payload: httpx2.Response(200, json=window, headers={"Retry-After": "7200"}),
        renewalInfo=f"{BASE}/info",
    )
    client = await authority.client()
    for bad in (
        None,
        {"start": "2026-01-01T00:00:00Z"},
        _window("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"),
    ):
        window["suggestedWindow"] = bad
        with pytest.raises(AcmeError):
            await client.renewal_info("a.b")
    window["suggestedWindow"] = _window("2026-01-01T00:00:00Z", "2026-01-02T00:00:00+00:00")
    begin, end, retry_after, _ = await client.renewal_info("a.b")
    assert end - begin == 86400
    assert retry_after == 7200
    assert authority.asked[-1][0] == "/info/a.b"


def _window(start: str, end: str) -> dict[str, str]:
    return {"start": start, "end": end}


def test_name_of_a_certificate_as_in_the_standard() -> None:
    """The example of RFC 9773 4.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "a.test")])
    now = datetime.datetime.now(datetime.UTC)
    identifier = bytes.fromhex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(0x87654321)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.AuthorityKeyIdentifier(identifier, None, None), False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    assert renewal.certificate_name(pem) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


def test_pauses_grow_and_never_hammer() -> None:
    dice = random.Random(7)
    pauses = [renewal.pause(failures, 0.0, dice) for failures in range(1, 40)]
    assert 225 <= pauses[0] <= 375
    assert all(pause >= 225 for pause in pauses)
    assert pauses[4] > 8 * pauses[0]
    assert max(pauses) <= 1.25 * 86400
    assert renewal.pause(1, 7200.0, dice) >= 7200
    assert len({round(pause) for pause in pauses[12:]}) > 5  # not all come at once


def test_without_suggestion_a_third_of_the_lifetime_is_left() -> None:
    dice = random.Random(7)
    moments = [renewal.by_lifetime(0.0, 90.0, dice) for _ in range(200)]
    assert all(58 <= moment <= 60 for moment in moments)
    assert renewal.until_next_look(0.0) == renewal.LOOK_SECONDS
    assert renewal.until_next_look(1.0) == 60
    assert renewal.until_next_look(1e9) == 86400


def test_retry_after() -> None:
    now = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC).timestamp()
    assert seconds_of("120") == 120
    assert seconds_of("Fri, 01 May 2026 00:10:00 GMT", lambda: now) == 600
    assert seconds_of("Fri, 01 May 2020 00:10:00 GMT", lambda: now) == 0
    assert [seconds_of(bad) for bad in ("", "soon", "-5", "9" * 400)] == [0, 0, 0, 0]


# ---------------------------------------------------------------------- proofs by DNS

PROOF = Proof("a.test", "token", "token.thumb")


def test_what_is_shown_in_the_dns() -> None:
    assert PROOF.dns_name == "_acme-challenge.a.test"
    assert len(PROOF.dns_value) == 43


async def hooked(command: str, seconds: float = 20.0) -> str:
    """The trouble with a hook."""
    with pytest.raises(AcmeError) as caught:
        await DnsHook(command, seconds).show([PROOF])
    return str(caught.value)


async def test_hooks_that_fail_say_how(tmp_path: Path) -> None:
    assert "is empty" in await hooked("  ")
    assert "unbalanced quotation mark" in await hooked("'oops")
    assert "cannot be started (No such file" in await hooked(str(tmp_path / "none"))
    script = tmp_path / "hook.py"
    script.write_text("import sys; print('x' * 100000); print(sys.argv[1:]); sys.exit(3)")
    assert "ended with status 3" in await hooked(f"{sys.executable} {script}")


async def test_hook_gets_its_words_without_a_shell(tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = tmp_path / "hook.py"
    script.write_text(f"import sys; open({str(out)!r}, 'a').write(repr(sys.argv[1:]) + chr(10))")
    hook = DnsHook(f"{sys.executable} {script} 'two words' $HOME;ls", 20)
    await hook.show([PROOF])
    await hook.hide([PROOF])
    lines = out.read_text().splitlines()
    assert lines[0] == repr(["two words", "$HOME;ls", "add", PROOF.dns_name, PROOF.dns_value])
    assert "'remove'" in lines[1]


@pytest.mark.skipif(sys.platform == "win32", reason="only on systems with process groups")
async def test_hook_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = tmp_path / "hook.sh"
    script.write_text(f"sleep 600 & echo $! > {child}; wait\n")
    began = time.monotonic()
    assert "did not end within 0.5 seconds" in await hooked(f"/bin/sh {script}", 0.5)
    assert time.monotonic() - began < 15
    pid = int(child.read_text())
    for _ in range(100):
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().split()[2] == "Z":
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the child still runs")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_places_of_name_servers(text: str, place: tuple[str, int]) -> None:
    assert server_place(text) == place


@pytest.mark.parametrize("text", ["ns.example.org", "192.0.2.1:0", "192.0.2.1:http", ""])
def test_places_that_are_none(text: str) -> None:
    with pytest.raises(AcmeError, match="dns_server"):
        server_place(text)


def test_secrets_do_not_show() -> None:
    assert "hush" not in repr(DnsUpdate("192.0.2.1", "key", "hush"))


def test_a_self_made_certificate_comes_back_and_few_are_kept(tmp_path: Path) -> None:
    own = SelfMade(tmp_path, ["mail.example.org"])
    seen = [fingerprint(own.ensure().read_bytes())]
    for _ in range(5):
        seen.append(fingerprint(own.renew().read_bytes()))
    assert len(set(seen)) == 6
    assert len(list(tmp_path.glob("former-*.pem"))) == KEPT_FORMER
    assert not own.restore(seen[0])
    assert own.restore(seen[-2])
    assert fingerprint(own.path.read_bytes()) == seen[-2]
    assert own.restore(seen[-2])  # twice is as good as once


def test_the_proof_by_tls_is_shown_to_no_other_name(tmp_path: Path) -> None:
    """RFC 8737 3: the certificate names the host and holds the digest in a critical extension."""
    pem = challenge_certificate("mail.example.org", "token.thumb")
    made = x509.load_pem_x509_certificate(pem)
    extension = made.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31"))
    assert extension.critical
    assert extension.value.public_bytes() == b"\x04\x20" + digest("token.thumb")
    contexts = ServerContexts((), SelfMade(tmp_path, ["mail.example.org"]))
    assert contexts.challenge("mail.example.org") is None
    contexts.show_challenges({"mail.example.org": pem})
    assert contexts.challenge("MAIL.example.org.") is not None
    assert contexts.challenge("other.example.org") is None
    assert [path.name for path in tmp_path.iterdir()] == [
        "self-made.pem"
    ]  # the key was there for a moment only
    contexts.show_challenges({})
    assert contexts.challenge("mail.example.org") is None
