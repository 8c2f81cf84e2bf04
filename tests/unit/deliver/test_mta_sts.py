"""MTA-STS: records and policies as text, the fetch from a real HTTPS server, and what stays in force."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import trustme
from policy_server import POLICY, PolicyServer, ok
from scripted_dns import ScriptedDns

from posthouse.database.contract import Database
from posthouse.database.open import open_database
from posthouse.deliver.remote.mta_sts import BadPolicy, ident_of, matches, parse
from posthouse.deliver.remote.mta_sts_fetch import FetchFailed, PolicyFetcher
from posthouse.deliver.remote.mta_sts_store import AGAIN, DAY, StsPolicies, forget
from posthouse.settings.contract import CurrentSettings, Settings

HOST = "mta-sts.example.org"


def test_records() -> None:
    """RFC 8461 3.1: one record with a good id, or none."""
    assert ident_of(("v=STSv1; id=20160831085700Z;",)) == "20160831085700Z"
    assert ident_of(("v=STSv1;id=a", "other text")) == "a"
    assert ident_of(("v=STSv1 ; x=y ; id = b1 ;",)) == "b1"
    assert ident_of(("v=STSv1; id=a;", "v=STSv1; id=b;")) == ""
    assert ident_of(("v=STSv1; id=not good;",)) == ""
    assert ident_of(("v=STSv1; id=" + "a" * 33,)) == ""
    assert ident_of(("v=STSv10; id=a",)) == ""
    assert ident_of(("v=STSv1",)) == ""
    assert ident_of(()) == ""


def test_policies() -> None:
    """RFC 8461 3.2: both line ends, unknown keys passed over, the first of a key counts."""
    policy = parse(POLICY.encode(), ident="a", now=100.0)
    assert (policy.mode, policy.hosts) == ("enforce", ("*.example.org", "mail.other.test"))
    assert policy.ends_at == 100.0 + 604800
    assert policy.allows("Mail.Example.org")
    assert not policy.allows("a.b.example.org")
    assert not policy.allows("example.org")
    assert policy.allows("mail.other.test")
    again = parse(
        b"version:STSv1\nmode: testing\nmode: none\nnew_key: x\nmx: A.Example.\nmax_age: 99999999999\n".replace(
            b"99999999999", b"9999999999"
        )
    )
    assert (again.mode, again.hosts, again.max_age) == ("testing", ("a.example",), 31_557_600)
    assert parse(b"version: STSv1\nmode: none\nmax_age: 0").max_age == 300
    assert not matches("*.example.org", ".example.org.evil.test")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"version: STSv2\nmode: none\nmax_age: 1",
        b"version: STSv1\nmode: maybe\nmax_age: 1",
        b"version: STSv1\nmode: enforce\nmax_age: 1",
        b"version: STSv1\nmode: none",
        b"version: STSv1\nmode: none\nmax_age: -1",
        b"version: STSv1\nmode: none\nmax_age: 1\nnonsense",
        b"version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1",
        b"version: STSv1\nmode: enforce\nmx: *.*.x\nmax_age: 1",
        b"version: STSv1\nmode: none\nmax_age: 1\n\xff",
        b"version: STSv1\nmode: enforce\nmax_age: 1\n" + b"mx: a.test\n" * 201,
    ],
)
def test_wrong_policies(text: bytes) -> None:
    """Refused, never guessed at."""
    with pytest.raises(BadPolicy):
        parse(text)


# ---------------------------------------------------------------------- fetching


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class Web:
    """A server, and a fetcher that is led to it."""

    def __init__(self, server: PolicyServer, authorities: Path) -> None:
        self.server = server
        server.authority.cert_pem.write_to_path(str(authorities))
        self.authorities = str(authorities)
        self.dns = ScriptedDns(
            {(HOST, "A"): ["127.0.0.1"], ("_mta-sts.example.org", "TXT"): ["v=STSv1; id=one;"]}
        )
        self.fetcher = self.make()

    def make(self, *, places: str = "any", port: int = 0, seconds: float = 20.0) -> PolicyFetcher:
        held = {"remote.authorities": self.authorities, "tls_out.policy_places": places}
        settings = CurrentSettings(Settings({name: value for name, value in held.items() if value}))
        return PolicyFetcher(self.dns, settings, port=port or self.server.port, seconds=seconds)

    async def failure(self, fetcher: PolicyFetcher | None = None) -> str:
        with pytest.raises(FetchFailed) as caught:
            await (fetcher or self.fetcher).fetch("example.org", "one", 0.0)
        return caught.value.failure


@pytest_asyncio.fixture
async def web(authority: trustme.CA, tmp_path: Path) -> AsyncIterator[Web]:
    server = PolicyServer(authority, (HOST,))
    await server.begin()
    yield Web(server, tmp_path / "authorities.pem")
    await server.close()


async def test_a_good_policy_is_fetched(web: Web) -> None:
    """From the address looked up, by the host's name in SNI and Host."""
    policy = await web.fetcher.fetch("example.org", "one", 5.0)
    assert (policy.mode, policy.ident, policy.fetched_at) == ("enforce", "one", 5.0)
    assert web.server.asked_for == [HOST]
    assert web.server.seen[0].startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\n")
    assert b"\r\nhost: " + HOST.encode() + b"\r\n" in web.server.seen[0].lower()


async def test_what_is_no_policy(web: Web) -> None:
    """Other statuses, redirects (never followed), other types, too much, nonsense."""
    answers = {
        b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n": "sts-policy-fetch-error",
        b"HTTP/1.1 302 Go\r\nLocation: https://127.0.0.1/x\r\nContent-Length: 0\r\n\r\n": "sts-policy-fetch-error",
        b"nonsense\r\n\r\n": "sts-policy-fetch-error",
        ok(POLICY, "text/html"): "sts-policy-invalid",
        ok("x" * 70_000): "sts-policy-invalid",
        ok("hello"): "sts-policy-invalid",
    }
    for answer, failure in answers.items():
        web.server.answer = lambda answer=answer: answer
        assert await web.failure() == failure, answer[:40]
    assert len(web.server.seen) == len(answers)


async def test_certificates_must_be_good(web: Web, authority: trustme.CA) -> None:
    """Of another host, of another authority, over."""
    for names, own, expired in (
        (("mta-sts.other.test",), authority, False),
        ((HOST,), trustme.CA(), False),
        ((HOST,), authority, True),
    ):
        server = PolicyServer(own, names, expired=expired)
        await server.begin()
        assert await web.failure(web.make(port=server.port)) == "sts-webpki-invalid"
        assert not server.seen
        await server.close()


async def test_slow_servers_and_closed_places(web: Web) -> None:
    """A time limit over all of it; only public addresses, as anybody may name any."""
    web.server.silent = True
    assert await web.failure(web.make(seconds=0.3)) == "sts-policy-fetch-error"
    seen = len(web.server.seen)
    strict, inner = web.make(places=""), web.make(places="private")
    assert await web.failure(strict) == await web.failure(inner) == "sts-policy-fetch-error"
    web.dns.table[HOST, "A"] = ("10.0.0.1", "169.254.169.254", "0.0.0.0")
    assert await web.failure(strict) == "sts-policy-fetch-error"
    assert len(web.server.seen) == seen
    web.dns.table.pop((HOST, "A"))
    assert await web.failure() == "sts-policy-fetch-error"


async def test_who_is_trusted_is_a_setting(web: Web) -> None:
    """Without the authority the certificate is nobody's; a file that is not there is told, and asks nobody."""
    web.authorities = ""
    assert await web.failure(web.make()) == "sts-webpki-invalid"
    web.authorities = "/nowhere/authorities.pem"
    assert await web.failure(web.make()) == "sts-policy-fetch-error"
    assert not web.server.seen


# ---------------------------------------------------------------------- keeping


class Kept:
    def __init__(self, web: Web, database: Database) -> None:
        self.web, self.database = web, database
        self.now = 1_800_000_000.0
        self.policies = self.fresh()

    def fresh(self) -> StsPolicies:
        """As another process, or after a restart."""
        return StsPolicies(self.database, self.web.dns, self.web.fetcher, lambda: self.now)

    def publish(self, ident: str) -> None:
        self.web.dns.table["_mta-sts.example.org", "TXT"] = (f"v=STSv1; id={ident};",) if ident else ()

    @property
    def fetches(self) -> int:
        return len(self.web.server.seen)


@pytest_asyncio.fixture
async def kept(web: Web, sqlite_database_url: str, tmp_path: Path) -> AsyncIterator[Kept]:
    database = await open_database(sqlite_database_url, threads=2, upgrade=False)
    yield Kept(web, database)
    await database.close()


async def test_fetched_once_and_kept(kept: Kept) -> None:
    """In memory and over restarts, until the id changes."""
    first = await kept.policies.of("example.org")
    assert first.policy is not None
    assert first.policy.mode == "enforce"
    await kept.policies.of("example.org")
    assert (await kept.fresh().of("example.org")).policy == first.policy
    assert kept.fetches == 1
    kept.web.server.answer = lambda: ok(POLICY.replace("enforce", "testing"))
    kept.publish("two")
    changed = (await kept.policies.of("example.org")).policy
    assert changed is not None
    assert (changed.mode, changed.ident) == ("testing", "two")
    assert kept.fetches == 2


async def test_a_policy_stays_in_force(kept: Kept) -> None:
    """When its record is gone, cannot be asked for, or what it names cannot be fetched; not beyond its age."""
    good = (await kept.policies.of("example.org")).policy
    assert good is not None
    kept.publish("")
    assert (await kept.policies.of("example.org")).policy == good
    kept.web.dns.broken.add("_mta-sts.example.org")
    assert (await kept.fresh().of("example.org")).policy == good
    kept.web.dns.broken.clear()
    kept.publish("two")
    kept.web.server.answer = lambda: ok("nonsense")
    found = await kept.policies.of("example.org")
    assert found.policy == good
    assert found.failure == "sts-policy-invalid"
    kept.now += 604800 + 1
    assert (await kept.fresh().of("example.org")).policy is None
    kept.publish("")
    assert (await kept.fresh().of("example.org")).policy is None


async def test_failures_are_not_repeated_at_once(kept: Kept) -> None:
    """Five minutes between attempts; then the policy is taken."""
    kept.web.server.answer = lambda: ok("nonsense")
    for _ in range(3):
        found = await kept.policies.of("example.org")
        assert found.policy is None
        assert found.failure == "sts-policy-invalid"
    assert (await kept.fresh().of("example.org")).policy is None
    assert kept.fetches == 1
    kept.now += AGAIN + 1
    kept.web.server.answer = lambda: ok(POLICY)
    assert (await kept.policies.of("example.org")).policy is not None


async def test_nothing_is_asked_of_domains_without_a_record(kept: Kept) -> None:
    """No record, no request."""
    kept.publish("")
    assert (await kept.policies.of("example.org")).policy is None
    assert kept.fetches == 0


async def test_policies_are_renewed_before_they_end(kept: Kept) -> None:
    """A day old: fetched anew, same id or not; what nobody sends to is left to run out."""
    first = (await kept.policies.of("example.org")).policy
    assert first is not None
    assert await kept.policies.refresh() == 0
    kept.now += DAY + 1
    assert await kept.policies.refresh() == 1
    renewed = (await kept.policies.of("example.org")).policy
    assert renewed is not None
    assert renewed.fetched_at == kept.now
    kept.now += DAY + 1
    kept.web.server.answer = lambda: ok("nonsense")
    assert await kept.policies.refresh() == 1
    assert (await kept.fresh().of("example.org")).policy == renewed
    kept.now += 60 * DAY
    assert await kept.policies.refresh() == 0
    assert not await kept.database.run(forget, "example.org")


async def test_forgetting(kept: Kept) -> None:
    """By an administrator: the next message fetches it again."""
    await kept.policies.of("example.org")
    assert await kept.database.run(forget, "example.org")
    kept.policies.forget("example.org")
    await kept.policies.of("example.org")
    assert kept.fetches == 2
