"""Hashes of other servers: taken over, verified, and replaced at the first sign-in; strength and breach lists."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from people import people

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database
from posthouse.directory import admin, breached, foreign_hashes, strength
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.settings.contract import CurrentSettings

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
SSHA = (
    "{SSHA}"
    + base64.b64encode(hashlib.sha1(b"secretsalt", usedforsecurity=False).digest() + b"salt").decode()
)
PBKDF2 = base64.b64encode(hashlib.pbkdf2_hmac("sha256", b"secret", b"saltsalt", 1000)).decode().rstrip("=")

HASHES = [
    ("plain", "secret"),
    ("blowfish", "a62b3c438efae3db"),
    ("md5", "5ebe2294ecd0e0f08eab7690d2a6ee69"),
    ("sha256", "a1b2c3ff913cf667513b753e458709f781b7dbb41db0e77727643cd704f29d9eb27dfb"),
    ("phc", CHEAP.hash("secret")),
    ("phc", f"$pbkdf2-sha256$i=1000$c2FsdHNhbHQ${PBKDF2}"),
    ("scheme", SSHA),
    ("scheme", "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM."),
    (
        "scheme",
        "{SHA512-CRYPT}$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/"
        "O6IND4WQhG.",
    ),
]


@pytest_asyncio.fixture
async def service(sqlite_database: Database) -> AsyncIterator[DirectoryService]:
    await people(sqlite_database)
    made = DirectoryService(sqlite_database, LocalFeed(), CurrentSettings(), Passwords(2, CHEAP))
    yield made
    made.close()


@pytest.mark.parametrize(("kind", "text"), HASHES, ids=range(len(HASHES)))
async def test_an_imported_hash_signs_in_once_and_is_ours_then(
    service: DirectoryService, sqlite_database: Database, kind: str, text: str
) -> None:
    """The right password opens the account, wrong ones do not; then it is an Argon2id hash of ours with SCRAM keys."""
    passwords = Passwords(1, CHEAP)
    credentials = await passwords.take_over(foreign_hashes.parse(kind, text))
    assert "secret" not in credentials.password_hash
    await sqlite_database.run(admin.set_password, "alice@ours.test", credentials)

    async def opens(password: str) -> bool:
        done = await service.sign_in("alice@ours.test", password, peer="192.0.2.1", protocol="imap")
        return done.account is not None

    assert not await opens("secret ")
    assert not await opens("")
    assert await opens("secret")
    found = await service._login("alice@ours.test")
    assert found is not None
    assert found.password_hash.startswith("$argon2id$")
    assert (await service.scram_keys("alice@ours.test"))[0] is not None
    assert (await service.scram_sha1_keys("alice@ours.test"))[0] is not None
    assert await opens("secret")
    assert not await opens("SECRET")
    passwords.close()


async def test_plain_and_blowfish_are_compared_as_hmailserver_did(
    service: DirectoryService, sqlite_database: Database
) -> None:
    """Any case opens the account the first time; from then on what was typed then, and nothing else."""
    passwords = Passwords(1, CHEAP)
    credentials = await passwords.take_over(
        foreign_hashes.parse("blowfish", "9b92a206a48295d647e8cc2a538383e3")
    )
    await sqlite_database.run(admin.set_password, "alice@ours.test", credentials)
    for password, right in (("Test Password 1", True), ("test password 1", False), ("Test Password 1", True)):
        done = await service.sign_in("alice@ours.test", password, peer="192.0.2.1", protocol="imap")
        assert (done.account is not None) is right
    passwords.close()


async def test_an_upgrade_never_undoes_a_change(sqlite_database: Database) -> None:
    """A password that was set between the check and the upgrade stays."""
    await people(sqlite_database)
    passwords = Passwords(1, CHEAP)
    new = await passwords.make("another one")
    account = await sqlite_database.read(admin.find_account, "alice@ours.test")
    assert not await sqlite_database.run(admin.upgrade_password, account.id, "the old hash", new)
    passwords.close()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("blowfish", "a62b"),
        ("blowfish", "zz" * 8),
        ("md5", "5ebe"),
        ("sha256", "a1b2c3"),
        ("phc", "$argon2id$v=19$m=9999999,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g"),
        ("phc", "$pbkdf2-sha256$i=99999999$c2FsdA$aGFzaGhhc2hoYXNo"),
        ("phc", "$2b$12$abc"),
        ("scheme", "{NTLM}00"),
        ("scheme", "$6$rounds=999999999$salt$" + "a" * 86),
        ("scheme", "{SSHA}AAAA"),
        ("other", "x"),
        ("plain", ""),
        ("md5", "é" * 32),
    ],
)
def test_what_is_no_such_hash_is_refused(kind: str, text: str) -> None:
    """With a reason that does not repeat it, and nothing that would make the server compute for minutes."""
    with pytest.raises(ValueError, match=r"[a-z]") as refusal:
        foreign_hashes.parse(kind, text)
    assert not text or len(text) < 3 or text not in str(refusal.value)


@given(kind=st.sampled_from(foreign_hashes.KINDS), text=st.text(max_size=200))
def test_hostile_hashes_are_values_or_refusals(kind: str, text: str) -> None:
    """Any text is parsed or refused; what is stored can be verified again."""
    try:
        found = foreign_hashes.parse(kind, text)
    except ValueError:
        return
    if not found.whole and found.scheme:
        stored = foreign_hashes.stored_form(found, lambda each: "$argon2id$" + each)
        foreign_hashes.candidates(stored, "secret")


def test_bytes_of_the_code_page_are_tried_too() -> None:
    """hMailServer hashed non-ASCII passwords in the machine's code page."""
    digest = hashlib.md5("gehörig".encode("cp1252"), usedforsecurity=False).hexdigest()
    stored = foreign_hashes.stored_form(foreign_hashes.parse("md5", digest), lambda each: "$" + each)
    argon2, texts = foreign_hashes.candidates(stored, "gehörig")
    assert argon2 == "$" + digest
    assert digest in texts


def test_strength_counts_habits_for_little() -> None:
    """What everybody thinks of is weak however long; words in a row and random characters are not."""
    for weak in (
        "password1",
        "qwertyuiop",
        "aaaaaaaaaaaa",
        "Passw0rd!",
        "sommer2024",
        "anna1984anna",
        "12.03.1984",
    ):
        assert strength.bits(weak, "anna@example.org") < 24, weak
    for strong in ("correct horse battery", "x7$kQ9!mPq", "wrong pony glue"):
        assert strength.bits(strong, "anna@example.org") >= 24, strong
    assert strength.bits("", "") == 0


@given(st.text(max_size=300), st.text(max_size=50))
def test_strength_of_anything_is_a_number(password: str, address: str) -> None:
    """No text makes the estimate fail or negative."""
    assert strength.bits(password, address) >= 0


@given(known=st.sets(st.text(max_size=20), min_size=1, max_size=60), asked=st.text(max_size=20))
def test_a_breach_list_is_searched_by_halves(
    tmp_path_factory: pytest.TempPathFactory, known: set[str], asked: str
) -> None:
    """Every password of the list is found, no other, with counts of any length and either line end."""
    path = tmp_path_factory.mktemp("breach") / "list"
    hashes = sorted(
        hashlib.sha1(each.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest().upper()
        for each in known
    )
    for end, count in (("\n", ":1"), ("\r\n", ":1234567"), ("\n", "")):
        path.write_bytes("".join(f"{each}{count}{end}" for each in hashes).encode())
        assert all(breached.is_breached(path, each) for each in known)
        assert breached.is_breached(path, asked) == (asked in known)


def test_a_file_that_is_no_breach_list_says_so(tmp_path: Path) -> None:
    """Missing, empty or of other content."""
    with pytest.raises(breached.NoList):
        breached.is_breached(tmp_path / "missing", "x")
    (tmp_path / "empty").write_bytes(b"")
    assert not breached.is_breached(tmp_path / "empty", "x")
    (tmp_path / "other").write_bytes(b"hello\n" * 100)
    with pytest.raises(breached.NoList):
        breached.is_breached(tmp_path / "other", "x")
