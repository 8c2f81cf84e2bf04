"""The chain of a sign-in: app passwords, sources, newcomers, tokens, administrators for others, certificates."""

from __future__ import annotations

import datetime
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hashing import CountingHasher
from people import PASSWORD, credentials, people

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory import admin, app_passwords, client_certificates, records, roles
from posthouse.directory.app_passwords import new_password, plain_form
from posthouse.directory.contract import Account, SignIn
from posthouse.directory.passwords import Credentials, Passwords
from posthouse.directory.service import DirectoryService
from posthouse.directory.sources import Newcomer, TokenKind, TokenVerdict, Verdict
from posthouse.directory.versions import DIRECTORY, bump
from posthouse.settings.contract import CurrentSettings, Settings

ALICE, BOB = "alice@ours.test", "bob@ours.test"


@dataclass
class Outside:
    """A source whose verdict the test sets."""

    verdict: Verdict
    name: str = "outside"
    vouches: bool = True
    broken: bool = False
    asked: list[str] = field(default_factory=list)

    async def verify(
        self, login: str, account: Account | None, password: str, peer: str, protocol: str
    ) -> Verdict:
        self.asked.append(login)
        if self.broken:
            raise OSError("gone")
        return self.verdict


@dataclass
class Scene:
    database: Database
    settings: CurrentSettings
    hasher: CountingHasher
    service: DirectoryService
    people: dict[str, Account]

    async def sign_in(
        self, password: str, login: str = ALICE, *, peer: str = "192.0.2.1", protocol: str = "imap"
    ) -> SignIn:
        return await self.service.sign_in(login, password, peer=peer, protocol=protocol)

    async def app(
        self, *, protocols: str = "imap,pop3,submission", networks: str = "", expires_at: float = 0.0
    ) -> str:
        password = new_password()
        await self.database.run(
            app_passwords.add,
            self.people["alice"].id,
            password,
            name="phone",
            protocols=protocols,
            networks=networks,
            now=time.time(),
            expires_at=expires_at,
        )
        self.seen()
        return password

    async def change(self, statement: object, **values: object) -> None:
        def op(tx: Transaction) -> None:
            tx.change(statement, values)  # type: ignore[arg-type]
            bump(tx, DIRECTORY, None)

        await self.database.run(op)
        self.seen()

    def seen(self) -> None:
        """What a second, or the feed, does: the cache asks for the version again."""
        self.service._cache._checked_at = float("-inf")


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> AsyncIterator[Scene]:
    made = await people(sqlite_database)
    settings, hasher = CurrentSettings(), CountingHasher()
    service = DirectoryService(sqlite_database, LocalFeed(), settings, Passwords(2, hasher))
    yield Scene(sqlite_database, settings, hasher, service, made)
    service.close()


async def test_an_app_password_opens_what_it_is_for(scene: Scene) -> None:
    """By its protocols and networks, until it expires or is removed; typed with or without its dashes; never the pages;
    the account's own password stays good."""
    app = await scene.app(protocols="imap", networks="192.0.2.0/24")
    assert (await scene.sign_in(app)).account is not None
    assert (await scene.sign_in(plain_form(app).upper())).account is not None
    assert (await scene.sign_in(app, protocol="submission")).account is None
    assert (await scene.sign_in(app, peer="198.51.100.1")).account is None
    assert (await scene.sign_in(app, protocol="web")).account is None
    assert (await scene.sign_in(app, BOB)).account is None
    assert (await scene.sign_in(PASSWORD)).account is not None
    assert (await scene.sign_in(await scene.app(expires_at=time.time() - 1))).account is None
    kept = await scene.database.read(app_passwords.of_account, scene.people["alice"].id)
    assert list(scene.service.app_uses) == [kept[0].id]
    await scene.database.run(app_passwords.remove, kept[0].id)
    scene.seen()
    assert (await scene.sign_in(app)).account is None


async def test_wrong_app_passwords_cost_what_any_wrong_password_costs(scene: Scene) -> None:
    """One hash, for accounts that have some, that have none, and that are none."""
    right = await scene.app()
    begins_alike = plain_form(right)[:8] + "a" * 16
    for login in (ALICE, BOB, "nobody@ours.test"):
        before = scene.hasher.verified
        assert (await scene.sign_in(begins_alike, login)).account is None
        assert scene.hasher.verified == before + 1


async def test_mail_programs_can_be_made_to_use_app_passwords(scene: Scene) -> None:
    """Marked accounts, all by the setting; the pages go on with the own password; SCRAM is refused, too."""
    await scene.change(records.SET_APP_PASSWORDS_ONLY, of_id=scene.people["alice"].id, only=1)
    refused = await scene.sign_in(PASSWORD)
    assert refused.account is None
    assert "app password" in refused.text
    assert not (await scene.sign_in("wrong")).text
    assert (await scene.sign_in(PASSWORD, protocol="web")).account is not None
    assert (await scene.sign_in(await scene.app())).account is not None
    account, _ = await scene.service.scram_keys(ALICE)
    done = await scene.service.record_scram(ALICE, account, True, peer="192.0.2.1", protocol="imap")
    assert done.account is None
    assert (await scene.sign_in(PASSWORD, BOB)).account is not None
    scene.settings.now = Settings({"signin.app_passwords": "everybody"})
    assert (await scene.sign_in(PASSWORD, BOB)).account is None


async def test_an_expired_password_is_refused_after_a_while(scene: Scene) -> None:
    """Mail programs may go on for some days; then they are told; the pages let in to set another."""
    await scene.change(records.accounts.update().values(password_changed_at=time.time() - 20 * 86400))
    scene.settings.now = Settings({"signin.password_days": 10, "signin.expired_days": 14})
    assert (await scene.sign_in(PASSWORD)).account is not None
    scene.settings.now = Settings({"signin.password_days": 10, "signin.expired_days": 5})
    refused = await scene.sign_in(PASSWORD)
    assert refused.account is None
    assert refused.expired
    assert "expired" in refused.text
    assert not (await scene.sign_in("wrong", BOB)).expired
    assert (await scene.sign_in(PASSWORD, protocol="web")).account is not None
    account, _ = await scene.service.scram_keys(ALICE)
    assert (await scene.service.record_scram(ALICE, account, True, peer="", protocol="imap")).expired
    scene.settings.now = Settings(
        {"signin.password_days": 10, "signin.expired_days": 5, "signin.master_user": True}
    )
    await scene.database.run(roles.set_role, scene.people["bob"], "server")
    assert (await scene.sign_in(PASSWORD, f"{ALICE}*{BOB}")).expired


async def test_the_right_password_is_no_guess(scene: Scene) -> None:
    """A program that has not heard of the new rules brings its owner neither delays nor a ban."""

    class Bans:
        def failed(self, login: str, peer: str, protocol: str, reason: str) -> None:
            counted.append(reason)

        def refused(self, account: Account, peer: str, protocol: str) -> str:
            return ""

    counted: list[str] = []
    scene.service.guard = Bans()
    await scene.change(records.accounts.update().values(password_changed_at=time.time() - 20 * 86400))
    scene.settings.now = Settings({"signin.password_days": 10, "signin.expired_days": 5})
    assert [(await scene.sign_in(PASSWORD)).delay for _ in range(10)] == [0.0] * 10
    assert counted == []
    assert (await scene.sign_in(PASSWORD, protocol="web")).delay == 0.0
    await scene.sign_in("wrong")
    assert counted == ["wrong password"]


async def test_a_source_judges_its_accounts(scene: Scene) -> None:
    """Its verdict counts, not the own password; when it is away, broken or not set up, it is a temporary failure."""
    source = Outside(Verdict("accept"))
    scene.service.sources.attach(source)
    await scene.change(records.SET_SOURCE, of_id=scene.people["alice"].id, new_source="outside")
    assert (await scene.sign_in("anything")).account is not None
    assert (await scene.sign_in("")).account is None
    source.verdict = Verdict("refuse")
    before = scene.hasher.verified
    assert (await scene.sign_in(PASSWORD)).account is None
    assert scene.hasher.verified == before + 1
    source.verdict = Verdict("unavailable", "away")
    assert (await scene.sign_in("away")).temporary
    source.broken = True
    assert (await scene.sign_in("broken")).temporary
    scene.service.sources.detach("outside")
    assert (await scene.sign_in("gone")).temporary
    assert (await scene.service.scram_keys(ALICE))[0] is None
    assert (await scene.sign_in(PASSWORD, BOB)).account is not None
    assert source.asked.count(BOB) == 0


async def test_a_source_may_bring_newcomers(scene: Scene) -> None:
    """A login without an account is made one where the source vouches and somebody can make it; else it is unknown."""
    new = "carol@ours.test"
    source = Outside(Verdict("accept", create=Newcomer(new, "outside", {"display_name": "Carol"})))
    scene.service.sources.attach(source)
    assert (await scene.sign_in("pw", new)).account is None

    async def welcome(newcomer: Newcomer) -> None:
        def op(tx: Transaction) -> None:
            account = admin.add_account(tx, newcomer.address, Credentials("", None))
            tx.change(records.SET_SOURCE, {"of_id": account.id, "new_source": newcomer.source})

        await scene.database.run(op)
        scene.seen()

    scene.service.welcome_newcomers(welcome)
    done = await scene.sign_in("pw", new)
    assert done.account is not None
    assert done.account.address == new
    source.verdict = Verdict("not mine")
    before = scene.hasher.verified
    assert (await scene.sign_in("pw", "dave@ours.test")).account is None
    assert scene.hasher.verified == before + 1


async def test_tokens_are_judged_by_whoever_knows_them(scene: Scene) -> None:
    """Whose token it is signs in; a hint that names another does not; without a judge none is good."""

    class Judge:
        def ready(self) -> bool:
            return True

        async def judge(
            self, kind: TokenKind, token: str, login_hint: str, peer: str, protocol: str
        ) -> TokenVerdict:
            if token == "broken":
                raise RuntimeError
            return TokenVerdict(ALICE if token == "good" else "", "bad token", challenge=b"{}")

    async def ask(token: str, hint: str = "") -> tuple[SignIn, bytes]:
        return await scene.service.sign_in_token(
            "OAUTHBEARER", token, hint, peer="192.0.2.1", protocol="imap"
        )

    assert (await ask("good"))[0].account is None
    scene.service.judge = Judge()
    assert (await ask("good"))[0].account is not None
    assert (await ask("good", ALICE))[0].account is not None
    assert (await ask("good", BOB))[0].account is None
    refused, challenge = await ask("bad")
    assert refused.account is None
    assert challenge == b"{}"
    assert (await ask("broken"))[0].temporary


async def test_an_administrator_may_act_for_others_if_allowed(scene: Scene) -> None:
    """Off by default; only server administrators with their own password; never without the audit's line."""
    acted: list[tuple[str, str, str]] = []

    async def write(master: Account, owner: Account, peer: str, protocol: str) -> None:
        acted.append((master.address, owner.address, protocol))

    scene.service.acted = write
    login = f"{ALICE}*{BOB}"
    assert (await scene.sign_in(PASSWORD, login)).account is None
    scene.settings.now = Settings({"signin.master_user": True})
    assert (await scene.sign_in(PASSWORD, login)).account is None
    await scene.database.run(roles.set_role, scene.people["bob"], "server")
    done = await scene.sign_in(PASSWORD, login)
    assert done.account is not None
    assert (done.account.address, done.master) == (ALICE, BOB)
    assert acted == [(BOB, ALICE, "imap")]
    assert (await scene.sign_in("wrong", login)).account is None
    assert (await scene.sign_in(PASSWORD, f"nobody@ours.test*{BOB}")).account is None
    assert (await scene.sign_in(PASSWORD, login, protocol="web")).account is None

    async def fails(master: Account, owner: Account, peer: str, protocol: str) -> None:
        raise DatabaseUnavailable("away")

    scene.service.acted = fails
    assert (await scene.sign_in(PASSWORD, login)).temporary
    assert len(acted) == 1


def certificate(address: str = "") -> bytes:
    """A self-made client certificate (DER)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "client")])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    if address:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.RFC822Name(address)]), critical=False
        )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


async def test_certificates_sign_in_whom_they_belong_to(scene: Scene) -> None:
    """Registered ones by fingerprint; the address within only where the setting says so; nobody else."""
    registered, named = certificate(), certificate("Alice@ours.test")
    await scene.database.run(client_certificates.add, scene.people["bob"].id, registered, "laptop", 0.0)

    async def external(shown: bytes, authzid: str = "") -> str:
        done = await scene.service.sign_in_certificate(shown, authzid, peer="192.0.2.1", protocol="imap")
        return done.account.address if done.account is not None else ""

    assert await external(registered) == BOB
    assert await external(registered, BOB) == BOB
    assert await external(registered, ALICE) == ""
    assert await external(named) == ""
    assert await external(b"no certificate") == ""
    scene.settings.now = Settings({"signin.certificate_address": True})
    assert await external(named) == ALICE
    await scene.database.run(admin.set_active, BOB, False)
    assert await external(registered) == ""


async def test_scram_is_announced_while_everybody_can_use_it(scene: Scene) -> None:
    """Not while a hash of another server, or an app password, is there; unless the setting says always."""
    await scene.service.look_at_scram()
    assert scene.service.scram_announced()
    await scene.database.run(admin.set_password, ALICE, Credentials("{md5}$argon2id$x", None))
    await scene.service.look_at_scram()
    assert not scene.service.scram_announced()
    await scene.database.run(admin.set_password, ALICE, credentials())
    await scene.service.look_at_scram()
    assert scene.service.scram_announced()
    await scene.app(expires_at=time.time() - 1)
    await scene.service.look_at_scram()
    assert scene.service.scram_announced()  # nothing signs in with one that has expired
    await scene.app()
    await scene.service.look_at_scram()
    assert not scene.service.scram_announced()
    scene.settings.now = Settings({"signin.scram": "always"})
    assert scene.service.scram_announced()
    scene.settings.now = Settings({"signin.scram": "never"})
    assert not scene.service.scram_announced()
    for each in await scene.database.read(app_passwords.of_account, scene.people["alice"].id):
        await scene.database.run(app_passwords.remove, each.id)
    scene.settings.now = Settings()
    await scene.service.look_at_scram()
    assert scene.service.scram_announced()


async def test_what_takes_another_time_to_check_does_not_show(scene: Scene) -> None:
    """While there are imported hashes or outside sources every wrong password waits alike; a right one never does."""

    async def delays() -> list[float]:
        await scene.service.look_at_scram()
        wrong = [(await scene.sign_in("wrong", each)).delay for each in (ALICE, BOB, "nobody@ours.test")]
        assert (await scene.sign_in(PASSWORD, BOB)).delay == 0.0
        return wrong

    scene.settings.now = settings = Settings({"signin.free_failures": 100, "signin.refusal_time": 9.0})
    assert await delays() == [0.0] * 3
    await scene.database.run(admin.set_password, ALICE, Credentials("{md5}$argon2id$x", None))
    scene.seen()
    assert all(8.0 < each <= 9.0 for each in await delays())
    scene.settings.now = settings.over({"signin.refusal_time": 0.0})
    assert await delays() == [0.0] * 3
    scene.settings.now = settings
    await scene.change(records.SET_SOURCE, of_id=scene.people["alice"].id, new_source="outside")
    assert all(8.0 < each <= 9.0 for each in await delays())


@pytest.mark.parametrize("kind", ["scram_keys", "scram_sha1_keys"])
async def test_made_up_keys_outlive_the_server(scene: Scene, kind: str) -> None:
    """Another worker, and the same after a restart, makes up the same for the same login."""
    other = DirectoryService(scene.database, LocalFeed(), scene.settings, Passwords(1, scene.hasher))
    login = "nobody@ours.test"
    assert (await getattr(other, kind)(login))[1] == (await getattr(scene.service, kind)(login))[1]
    other.close()


@pytest.mark.parametrize("kind", ["scram_keys", "scram_sha1_keys"])
async def test_made_up_keys_look_like_real_ones(scene: Scene, kind: str) -> None:
    """Unknown logins have stable keys of the right size, others for each hash."""
    ask = getattr(scene.service, kind)
    nobody, first = await ask("nobody@ours.test")
    assert nobody is None
    assert (await ask("NOBODY@ours.test"))[1] == first
    size = 32 if kind == "scram_keys" else 20
    assert (len(first.stored_key), len(first.server_key), len(first.salt)) == (size, size, 16)
    assert (await scene.service.scram_keys("nobody@ours.test"))[1].salt != (
        await scene.service.scram_sha1_keys("nobody@ours.test")
    )[1].salt
