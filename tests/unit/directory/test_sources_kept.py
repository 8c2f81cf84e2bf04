"""What all sources have in common, sources that are programs or queries, and the comparison of a synchronisation."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hashing import CountingHasher
from people import people

from posthouse.database.contract import Database
from posthouse.directory import sources_kept as kept
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.passwords import Passwords
from posthouse.directory.query_source import QuerySource
from posthouse.directory.sources_check import Checked, KeptSource
from posthouse.directory.sources_config import Details, SourceConfig, check
from posthouse.directory.sources_people import Ours, Person, Staff, plan
from posthouse.directory.sources_process import ProcessSource
from posthouse.settings.contract import CurrentSettings, Settings
from posthouse.settings.signin import REMEMBER

ALICE = "alice@ours.test"
CRYPTED = (
    "{SHA512-CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJ"
    "uesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
)
ROWS = [("alice", CRYPTED), ("bob", "{what}x"), ("two", "1"), ("two", "2")]


@dataclass
class Scripted:
    """A backend whose answer the test sets."""

    answer: Checked = field(default_factory=lambda: Checked("accept"))
    asked: int = 0

    async def check(self, login: str, password: str) -> Checked:
        self.asked += 1
        return self.answer


@dataclass
class Scene:
    source: KeptSource
    backend: Scripted
    alice: Account
    now: list[float]

    async def sign_in(self, password: str = "secret") -> str:
        return (await self.source.verify(ALICE, self.alice, password, "192.0.2.1", "imap")).answer

    async def newcomer(self, login: str) -> str:
        return (await self.source.verify(login, None, "secret", "192.0.2.1", "imap")).answer


async def scene(database: Database, remember: int = 0, **details: object) -> Scene:
    found = await people(database)
    config = SourceConfig("corp", "script", True, Details(command=["/x"], domains=["ours.test"], **details))  # type: ignore[arg-type]

    def keep(tx):  # type: ignore[no-untyped-def]
        kept.add(tx, config, None)
        kept.assign(tx, found["alice"].id, "corp", None)

    await database.run(keep)
    now = [1000.0]
    settings = CurrentSettings(Settings({REMEMBER.name: remember}, 1))
    backend = Scripted()
    passwords = Passwords(hasher=CountingHasher())
    source = KeptSource(
        config, backend, database, passwords, settings, clock=lambda: now[0], wall=lambda: now[0]
    )
    return Scene(source, backend, found["alice"], now)


async def test_passwords_that_prove_nothing_are_not_handed_on(database: Database) -> None:
    here = await scene(database)
    for password in ("", "a\0b", "x" * 1025, "\ud800"):
        assert await here.sign_in(password) == "refuse"
    assert here.backend.asked == 0


async def test_an_outage_is_survived_for_a_while(database: Database) -> None:
    here = await scene(database, cache_hours=2)
    assert await here.sign_in() == "accept"
    here.backend.answer = Checked("unavailable")
    assert await here.sign_in() == "accept"
    assert await here.sign_in("other") == "unavailable"
    here.now[0] += 2 * 3600
    assert await here.sign_in() == "unavailable"


async def test_nothing_is_kept_unless_it_is_wanted(database: Database) -> None:
    here = await scene(database)
    assert await here.sign_in() == "accept"
    here.backend.answer = Checked("unavailable")
    assert await here.sign_in() == "unavailable"
    assert await database.read(kept.digest_of, here.alice.id, "corp") == ("", 0.0)


async def test_a_refusal_is_a_refusal_also_with_memory(database: Database) -> None:
    here = await scene(database, cache_hours=2)
    assert await here.sign_in() == "accept"
    for answer in ("refuse", "not mine"):
        here.backend.answer = Checked(answer)  # type: ignore[arg-type]
        assert await here.sign_in() == "refuse"


async def test_what_was_kept_goes_when_the_source_changes(database: Database) -> None:
    here = await scene(database, cache_hours=2)
    await here.sign_in()
    assert (await database.read(kept.digest_of, here.alice.id, "corp"))[0]
    await database.run(kept.change, here.source.config, None)
    assert await database.read(kept.digest_of, here.alice.id, "corp") == ("", 0.0)


async def test_a_good_password_is_asked_for_once(database: Database) -> None:
    here = await scene(database, remember=60)
    assert [await here.sign_in() for _ in range(3)] == ["accept"] * 3
    assert here.backend.asked == 1
    here.now[0] += 61
    await here.sign_in()
    assert here.backend.asked == 2


async def test_newcomers_are_who_they_say(database: Database) -> None:
    here = await scene(database, create=True)
    assert await here.newcomer("new@ours.test") == "accept"
    assert await here.newcomer("new@elsewhere.test") == "not mine"
    here.backend.answer = Checked("accept", address="boss@ours.test")
    assert await here.newcomer("new@ours.test") == "refuse"


async def test_a_source_in_use_stays(database: Database) -> None:
    await scene(database)
    with pytest.raises(DirectoryError, match="1 account"):
        await database.run(kept.remove, "corp", None)


# --- programs ------------------------------------------------------------------------------------------------


PROGRAM = """
import sys
login, password = sys.stdin.read().splitlines()
sys.exit({"good": 0, "bad": 1, "nobody": 2}.get(password, 9) if login == "alice@ours.test" else 8)
"""


@pytest.mark.parametrize(
    ("password", "answer"),
    [("good", "accept"), ("bad", "refuse"), ("nobody", "not mine"), ("x", "unavailable"), ("a\nb", "refuse")],
)
async def test_a_script_judges(password: str, answer: str) -> None:
    source = ProcessSource([sys.executable, "-c", PROGRAM], 20)
    assert (await source.check(ALICE, password)).answer == answer


async def test_a_script_that_hangs_is_ended() -> None:
    source = ProcessSource([sys.executable, "-c", "import time; time.sleep(600)"], 0.3)
    with pytest.raises(TimeoutError):
        await source.check(ALICE, "good")


@pytest.mark.skipif(sys.platform != "linux", reason="PAM is asked on Linux")
async def test_pam_in_its_own_process() -> None:
    command = [sys.executable, "-m", "posthouse.directory.pam_program", "posthouse-no-such-service"]
    found = await ProcessSource(command, 20, whole=False).check("nobody-of-this-name@ours.test", "x")
    assert found.answer != "accept"


# --- queries -------------------------------------------------------------------------------------------------


async def test_a_query_returns_the_hash(tmp_path: Path) -> None:
    path = tmp_path / "users.db"
    with sqlite3.connect(path) as line:
        line.execute("CREATE TABLE users (name, hash)")
        line.executemany("INSERT INTO users VALUES (?, ?)", ROWS)
    line.close()
    query = "SELECT hash FROM users WHERE name = :user"
    config = check(SourceConfig("users", "sql", True, Details(query=query), f"sqlite:///{path}"))
    passwords = Passwords()
    source = QuerySource(config, passwords)
    try:
        assert (await source.check(ALICE, "Hello world!")).answer == "accept"
        assert (await source.check(ALICE, "hello world!")).answer == "refuse"
        assert (await source.check("bob@ours.test", "x")).answer == "refuse"
        assert (await source.check("two@ours.test", "1")).answer == "refuse"
        assert (await source.check("' OR 1=1 --@ours.test", "x")).answer == "not mine"
    finally:
        source.close()
        passwords.close()
    with pytest.raises(DirectoryError, match="own database"):
        check(config, str(path))
    with pytest.raises(DirectoryError, match="SELECT"):
        check(SourceConfig("users", "sql", True, Details(query="DELETE FROM users"), f"sqlite:///{path}"))


# --- comparing -----------------------------------------------------------------------------------------------


def test_what_a_synchronisation_would_do() -> None:
    facts = {"display_name": "Anna"}
    staff = Staff(
        {
            each.address: each
            for each in (
                Person("new@x.test"),
                Person("off@x.test", active=False),
                Person("taken@x.test"),
                Person("named@x.test", facts=facts),
                Person("back@x.test"),
                Person("barred@x.test"),
            )
        }
    )
    ours = [
        Ours(1, "named@x.test", True, {"display_name": "A."}),
        Ours(2, "back@x.test", False, {}, by_sync=True),
        Ours(3, "barred@x.test", False, {}),
        Ours(4, "gone@x.test", True, {}),
        Ours(5, "long-gone@x.test", False, {}),
        Ours(6, "off@x.test", True, {}),
    ]
    found = plan(staff, ours, ["taken@x.test"])
    assert [each.address for each in found.create] == ["new@x.test"]
    assert found.update == (("named@x.test", facts),)
    assert found.disable == ("gone@x.test", "off@x.test")
    assert found.enable == ("back@x.test",)
    assert found.taken == ("taken@x.test",)
    assert found.too_many(3, 60)
    assert not found.too_many(4, 50)


async def test_many_at_once_wait_and_too_many_do_not(database: Database) -> None:
    here = await scene(database, connections=1)
    gate = asyncio.Event()

    async def slow(login: str, password: str) -> Checked:
        await gate.wait()
        return Checked("accept")

    here.backend.check = slow  # type: ignore[method-assign]
    tries = [asyncio.ensure_future(here.sign_in(f"p{number}")) for number in range(210)]
    await asyncio.sleep(0)
    while sum(each.done() for each in tries) < 10:
        await asyncio.sleep(0.01)
    gate.set()
    found = await asyncio.gather(*tries)
    assert found.count("unavailable") == 10
    assert found.count("accept") == 200
