"""Sessions of browsers: how they begin, how long they last, what ends them, what they let people do."""

from __future__ import annotations

import pytest
from identity_parts import ANNA, BOB, CARL, ELSEWHERE, PASSWORD, ROOT, VISITOR, House, furnish

from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.directory import admin
from posthouse.directory.identity_records import browser_sessions
from posthouse.directory.roles import set_role
from posthouse.manage.context import Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.identity import Visitor
from posthouse.manage.identity_second import SECOND_SECONDS
from posthouse.settings.contract import Settings


@pytest.fixture
async def house(context: Context) -> House:
    return await furnish(context)


async def refused(house: House, actor: Actor, use: str, **parameters: object) -> ManageError:
    with pytest.raises(ManageError) as caught:
        await house.do(actor, use, **parameters)
    return caught.value


async def test_a_password_begins_a_session_with_the_role_of_now(house: House) -> None:
    """Who, how far, from where; and a change of the role is seen at the very next use."""
    session = await house.sign_in(BOB)
    actor = session.actor
    assert (actor.name, actor.role, actor.domains) == (BOB, "domain", frozenset({"example.org"}))
    assert actor.source == "web 192.0.2.1"
    step = await house.identity.password(BOB, PASSWORD, VISITOR)

    def promote(tx: Transaction) -> None:
        set_role(tx, admin.find_account(tx, BOB), "server")

    await house.context.database.run(promote)
    assert (await house.session(step)).actor.role == "server"


async def test_unknown_and_wrong_get_the_same_words(house: House) -> None:
    """And both cost one hash (the directory's own tests count them)."""
    wrong = await house.identity.password(ANNA, "wrong", VISITOR)
    unknown = await house.identity.password("nobody@example.org", "wrong", ELSEWHERE)
    assert (wrong.kind, wrong.text) == (unknown.kind, unknown.text) == ("refused", wrong.text)
    for odd in ("", "\0", "x" * 100_000, "a@b@c", "\ud800@example.org"):
        assert (await house.identity.password(odd, odd, Visitor("192.0.2.99"))).kind == "refused"


async def test_every_sign_in_has_a_cookie_of_its_own(house: House) -> None:
    """Fixation: nothing that was known before is good afterwards."""
    first = await house.identity.password(ANNA, PASSWORD, VISITOR)
    second = await house.identity.password(ANNA, PASSWORD, VISITOR)
    assert first.cookie != second.cookie
    session = await house.session(first)
    assert session.csrf != (await house.session(second)).csrf
    proved = await house.identity.prove(session, PASSWORD, VISITOR)
    renewed = await house.session(proved)
    assert renewed.actor.session == session.actor.session
    assert renewed.actor.fresh_at > session.actor.fresh_at
    assert renewed.csrf != session.csrf
    assert await house.identity.by_cookie(first.cookie, VISITOR) is None
    assert (await house.identity.prove(renewed, "wrong", VISITOR)).kind == "refused"
    for bad in ("", "x", first.cookie[:-1], "\ud800", "y" * 5000):
        assert await house.identity.by_cookie(bad, VISITOR) is None


async def test_only_digests_are_stored(house: House) -> None:
    """Whoever reads the database cannot sign in with what stands there; nothing shows in a repr."""
    step = await house.identity.password(ANNA, PASSWORD, VISITOR)
    session = await house.session(step)
    made = await house.do(session.actor, "token.add", name="x")
    link = await house.do(ROOT, "identity.link", address=ANNA)
    files = b"".join(path.read_bytes() for path in house.context_folder().glob("posthouse.db*"))
    for secret in (step.cookie, made["token"], link["path"].rpartition("/")[2], session.csrf):
        assert len(secret) >= 43
        assert secret.encode() not in files
        assert secret not in repr((step, session))


async def test_a_session_ends_when_idle_and_in_any_case(house: House) -> None:
    """Idle counts from the last use, the absolute lifetime from the sign-in."""
    house.context.settings.now = Settings({"identity.session_idle": 600, "identity.session_lifetime": 1500})
    idle = await house.identity.password(ANNA, PASSWORD, VISITOR)
    used = await house.identity.password(ANNA, PASSWORD, VISITOR)
    for _ in range(2):
        house.clock.ahead += 500
        assert await house.identity.by_cookie(used.cookie, VISITOR) is not None
    assert await house.identity.by_cookie(idle.cookie, VISITOR) is None
    house.clock.ahead += 501
    assert await house.identity.by_cookie(used.cookie, VISITOR) is None


async def test_last_seen_is_written_once_a_minute(house: House) -> None:
    """A page with twenty parts writes nothing."""
    step = await house.identity.password(ANNA, PASSWORD, VISITOR)

    async def seen() -> object:
        column = browser_sessions.c.seen_at
        return await house.context.database.read(
            lambda tx: tx.execute(browser_sessions.select().with_only_columns(column))
        )

    before = await seen()
    await house.identity.by_cookie(step.cookie, ELSEWHERE)
    assert await seen() == before
    house.clock.ahead += 61
    session = await house.session(step, ELSEWHERE)
    assert await seen() != before
    listed = (await house.do(session.actor, "me.sessions"))["sessions"]
    assert [(each["peer"], each["agent"], each["current"]) for each in listed] == [
        ("198.51.100.7", "Firefox", True)
    ]


async def test_what_ends_sessions(house: House) -> None:
    """Another password, a closed account, a removed account, signing out, and the end by an administrator."""
    one, two = [await house.identity.password(CARL, PASSWORD, VISITOR) for _ in range(2)]
    session = await house.session(one)
    changed = await house.do(session.actor, "me.password", current=PASSWORD, new="next words")
    assert changed == {"address": CARL, "sessions_ended": 1}
    assert await house.identity.by_cookie(one.cookie, VISITOR) is not None
    assert await house.identity.by_cookie(two.cookie, VISITOR) is None
    await house.do(ROOT, "account.password", address=CARL, password=PASSWORD)
    assert await house.identity.by_cookie(one.cookie, VISITOR) is None

    bob, anna = await house.sign_in(BOB), await house.sign_in(ANNA)
    step = await house.identity.password(CARL, PASSWORD, VISITOR)
    mine = await house.session(step)
    assert (await refused(house, mine.actor, "identity.sessions")).kind == "refused"
    assert (await refused(house, mine.actor, "me.session_end", id=bob.actor.session)).kind == "missing"
    assert (await refused(house, bob.actor, "identity.session_end", id=anna.actor.session)).kind == "refused"
    everybody = (await house.do(bob.actor, "identity.sessions"))["sessions"]
    assert {each["address"] for each in everybody} == {BOB, CARL}  # not where the server's administrator is
    listed = (await house.do(bob.actor, "identity.sessions", address=CARL))["sessions"]
    await house.do(bob.actor, "identity.session_end", id=listed[0]["id"])
    assert await house.identity.by_cookie(step.cookie, VISITOR) is None

    for end in (admin.remove_account, lambda tx, address: admin.set_active(tx, address, False)):
        address = CARL if end is admin.remove_account else BOB
        step = await house.identity.password(address, PASSWORD, VISITOR)
        assert step.kind == "done"
        await house.context.database.run(end, address)
        assert await house.identity.by_cookie(step.cookie, VISITOR) is None

    step = await house.identity.password(ANNA, PASSWORD, VISITOR)
    await house.identity.sign_out(await house.session(step))
    assert await house.identity.by_cookie(step.cookie, VISITOR) is None


async def test_the_current_password_is_needed(house: House) -> None:
    """And guessing at it is counted."""
    session = await house.sign_in(CARL)
    assert (
        await refused(house, session.actor, "me.password", current="guess", new="other words")
    ).kind == "refused"
    assert (await house.identity.password(CARL, PASSWORD, VISITOR)).kind == "done"


async def test_a_password_that_changes_meanwhile_begins_no_session(house: House) -> None:
    """Between its verification and the session's row, somebody else set another one."""
    entry = await house.identity.password(CARL, PASSWORD, VISITOR)
    carl = await house.session(entry)
    await house.totp(carl)
    begun = await house.identity.password(CARL, PASSWORD, VISITOR)
    codes = (await house.do(carl.actor, "me.recovery_codes"))["codes"]
    await house.do(ROOT, "account.password", address=CARL, password="other words")
    assert (await house.identity.second(begun.pending, "recovery", codes[0], VISITOR)).kind == "refused"


async def test_a_peer_that_fails_too_often_gets_no_more_tries(house: House) -> None:
    """Neither by password nor by the other ways; others are not hindered."""
    house.context.settings.now = Settings({"identity.most_failures": 5, "signin.first_delay": 0.0})
    for _ in range(5):
        assert (await house.identity.password(ANNA, "wrong", VISITOR)).kind == "refused"
    assert (await house.identity.password(ANNA, PASSWORD, VISITOR)).kind == "later"
    assert (await house.identity.second("", "passkey", "{}", VISITOR)).kind == "later"
    assert (await house.identity.one_time("x", VISITOR)).kind == "later"
    assert (await house.identity.password(ANNA, PASSWORD, ELSEWHERE)).kind == "done"
    house.clock.ahead += 601
    assert (await house.identity.password(ANNA, PASSWORD, VISITOR)).kind == "done"


async def test_one_time_links(house: House) -> None:
    """Good once, for ten minutes, made on the machine only; they pass by the second factor."""
    session = await house.sign_in(ANNA)
    await house.totp(session)
    assert (await refused(house, session.actor, "identity.link", address=ANNA)).kind == "refused"

    async def link() -> str:
        path: str = (await house.do(ROOT, "identity.link", address=ANNA))["path"]
        return path.rpartition("/")[2]

    secret = await link()
    entered = await house.session(await house.identity.one_time(secret, VISITOR))
    assert (entered.actor.account, entered.actor.role) == (ANNA, "server")
    assert (await house.identity.one_time(secret, VISITOR)).kind == "refused"
    old = await link()
    house.clock.ahead += 601
    assert (await house.identity.one_time(old, VISITOR)).kind == "refused"


async def test_a_database_that_is_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps say later; asking who somebody is says so, instead of signing everybody out."""
    step = await house.identity.password(ANNA, PASSWORD, VISITOR)

    async def away(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(house.context.database, "read", away)
    monkeypatch.setattr(house.context.database, "run", away)
    assert (await house.identity.password(ANNA, PASSWORD, VISITOR)).kind == "later"
    assert (await house.identity.one_time("x", VISITOR)).kind == "later"
    with pytest.raises(ManageError) as caught:
        await house.identity.by_cookie(step.cookie, VISITOR)
    assert caught.value.kind == "unavailable"


async def test_the_memory_of_steps_is_bounded(house: House) -> None:
    """Challenges for strangers: the oldest go, and all in five minutes."""
    challenges = house.identity._second._challenges
    challenges._most = 10
    for _ in range(50):
        assert await house.identity.challenge("", VISITOR)
    assert len(challenges) == 10
    house.clock.ahead += SECOND_SECONDS + 1
    await house.identity.challenge("", VISITOR)
    assert len(challenges) == 1


async def test_the_command_line_has_no_account_of_its_own(house: House) -> None:
    """Uses about oneself say what to do instead."""
    problem = await refused(house, ROOT, "me.show")
    assert problem.kind == "refused"
    assert "posthouse account" in problem.mend
