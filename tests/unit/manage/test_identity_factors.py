"""The second step: authenticator programs, recovery codes, passkeys."""

from __future__ import annotations

import asyncio
import time

import pyotp
import pytest
from authenticator import Authenticator
from identity_parts import ANNA, BOB, CARL, ELSEWHERE, ORIGIN, PASSWORD, ROOT, VISITOR, House, furnish

from posthouse.directory.versions import DIRECTORY, version
from posthouse.manage import identity_passkeys as passkeys
from posthouse.manage.context import Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.identity import Step, Visitor
from posthouse.manage.identity_fresh import NotFresh
from posthouse.settings.contract import Settings


@pytest.fixture
async def house(context: Context) -> House:
    return await furnish(context)


async def refused(house: House, actor: Actor, use: str, **parameters: object) -> ManageError:
    with pytest.raises(ManageError) as caught:
        await house.do(actor, use, **parameters)
    return caught.value


async def begin(house: House, address: str = CARL) -> Step:
    step = await house.identity.password(address, PASSWORD, VISITOR)
    assert step.kind == "second", step
    assert not step.cookie
    return step


async def give(house: House, step: Step, code: str) -> Step:
    return await house.identity.second(step.pending, "totp", code, VISITOR)


async def test_totp_is_confirmed_by_a_code_and_then_demanded(house: House) -> None:
    """Nothing changes before the first code is right; afterwards the password alone is not enough."""
    session = await house.sign_in(CARL)
    made = await house.do(session.actor, "me.totp_begin")
    assert made["secret"] in made["uri"]
    assert made["uri"].startswith("otpauth://totp/")
    assert made["qr"].startswith("<svg")
    assert (await refused(house, session.actor, "me.totp_confirm", code="000000")).kind == "invalid"
    assert (await house.identity.password(CARL, PASSWORD, VISITOR)).kind == "done"
    program = pyotp.TOTP(made["secret"])
    await house.do(session.actor, "me.totp_confirm", code=program.at(time.time() - 30), name="phone")
    again = await refused(house, session.actor, "me.totp_confirm", code=program.now())
    assert again.kind == "refused"
    step = await begin(house)
    assert step.factors == ("totp",)
    assert (await give(house, step, f" {program.now()[:3]} {program.now()[3:]}")).kind == "done"
    shown = await house.do(session.actor, "me.factor_list")
    assert [each["name"] for each in shown["factors"]] == ["phone"]
    assert made["secret"] not in repr(shown)


async def test_a_code_is_good_once(house: House) -> None:
    """Neither again, nor an older one after a newer, nor twice at the same moment; one step of drift passes."""
    session = await house.sign_in(CARL)
    program = await house.totp(session)
    now = time.time()
    enrolled = program.at(now - 30)
    assert (await give(house, await begin(house), enrolled)).kind == "refused"
    steps = [await begin(house) for _ in range(3)]
    code = program.at(now)
    outcomes = await asyncio.gather(*(give(house, step, code) for step in steps))
    assert sorted(each.kind for each in outcomes) == ["done", "refused", "refused"]
    house.clock.ahead += 60
    early, late = program.at(now + 90), program.at(now + 30)
    assert (await give(house, await begin(house), program.at(now + 120))).kind == "refused"
    assert (await give(house, await begin(house), early)).kind == "done"
    assert (await give(house, await begin(house), late)).kind == "refused"


async def test_a_pending_step_has_three_tries_and_five_minutes(house: House) -> None:
    """Several sign-ins stand side by side, each with its own tries."""
    session = await house.sign_in(CARL)
    program = await house.totp(session)
    one, two, three = [await begin(house) for _ in range(3)]
    for left in (True, True, False):
        answer = await give(house, one, "000000")
        assert (answer.kind, bool(answer.pending)) == ("refused", left)
    assert (await give(house, one, program.now())).kind == "refused"
    assert (await house.identity.second(two.pending, "passkey", "{}", VISITOR)).kind == "refused"
    assert (await give(house, two, program.now())).kind == "done"
    assert (await give(house, two, program.now())).kind == "refused"
    house.clock.ahead += 301
    assert (await give(house, three, program.at(house.clock()))).kind == "refused"
    assert (await house.identity.second("", "totp", "000000", VISITOR)).kind == "refused"


async def test_tries_side_by_side_are_counted(house: House) -> None:
    """A hundred guesses at once are three."""
    session = await house.sign_in(CARL)
    await house.totp(session)
    step = await begin(house)
    await asyncio.gather(*(give(house, step, f"{guess:06}") for guess in range(100)))
    assert house.identity._second._wrong_codes.count(CARL, house.clock(), 600) == 3


async def test_codes_cannot_be_guessed_by_beginning_again(house: House) -> None:
    """Who knows the password has ten tries in ten minutes, from wherever."""
    session = await house.sign_in(CARL)
    program = await house.totp(session)
    for number in range(4):
        step = await house.identity.password(CARL, PASSWORD, Visitor(f"203.0.113.{number}"))
        for _ in range(3):
            await house.identity.second(step.pending, "totp", "000000", Visitor(f"203.0.113.{number}"))
    assert (await give(house, await begin(house), program.now())).kind == "later"
    house.clock.ahead += 601
    assert (await give(house, await begin(house), program.at(house.clock()))).kind == "done"


async def test_recovery_codes(house: House) -> None:
    """Ten, each good once, however it is typed; new ones void the old; they go with the last factor."""
    session = await house.sign_in(CARL)
    assert (await refused(house, session.actor, "me.recovery_codes")).kind == "refused"
    await house.totp(session)
    codes = (await house.do(session.actor, "me.recovery_codes"))["codes"]
    assert len(set(codes)) == 10

    async def use(code: str) -> str:
        step = await begin(house)
        assert step.factors == ("totp", "recovery")
        return (await house.identity.second(step.pending, "recovery", code, VISITOR)).kind

    assert await use(codes[0].upper().replace("-", " ")) == "done"
    assert await use(codes[0]) == "refused"
    assert (await house.do(session.actor, "me.show"))["recovery_codes"] == 9
    await house.do(session.actor, "me.recovery_codes")
    assert await use(codes[1]) == "refused"
    factor = (await house.do(session.actor, "me.factor_list"))["factors"][0]
    await house.do(session.actor, "me.factor_remove", id=factor["id"])
    assert (await house.do(session.actor, "me.factor_list")) == {"factors": [], "recovery_codes": 0}
    assert (await house.identity.password(CARL, PASSWORD, VISITOR)).kind == "done"


async def test_changes_of_factors_need_a_fresh_proof(house: House) -> None:
    """A stolen session cannot make itself at home; the password opens the way again."""
    house.context.settings.now = Settings({"identity.fresh_time": 60})
    step = await house.identity.password(CARL, PASSWORD, VISITOR)
    house.clock.ahead -= 100
    old = await house.session(await house.identity.password(CARL, PASSWORD, VISITOR))
    house.clock.ahead += 100
    for use, parameters in (
        ("me.totp_begin", {}),
        ("me.recovery_codes", {}),
        ("me.factor_remove", {"id": 1}),
        ("me.passkey_begin", {"origin": ORIGIN}),
        ("me.passkey_finish", {"answer": "{}"}),
        ("me.totp_confirm", {"code": "000000"}),
        ("token.add", {"name": "x"}),
    ):
        assert isinstance(await refused(house, old.actor, use, **parameters), NotFresh), use
    assert (await house.do(old.actor, "me.show"))["fresh"] is False
    fresh = await house.session(await house.identity.prove(old, PASSWORD, VISITOR))
    assert (await house.do(fresh.actor, "me.show"))["fresh"] is True
    await house.do(fresh.actor, "me.totp_begin")
    assert step.kind == "done"


async def test_proving_asks_for_the_second_factor_too(house: House) -> None:
    """Under the same session, with a new cookie at the end."""
    first = await house.identity.password(CARL, PASSWORD, VISITOR)
    session = await house.session(first)
    program = await house.totp(session)
    step = await house.identity.prove(session, PASSWORD, VISITOR)
    assert step.kind == "second"
    proved = await house.session(await give(house, step, program.now()))
    assert proved.actor.session == session.actor.session
    assert await house.identity.by_cookie(first.cookie, VISITOR) is None


async def test_factors_of_a_lost_phone(house: House) -> None:
    """An administrator clears them for those they look after; never for somebody of a higher role."""
    anna, bob, carl = [await house.sign_in(each) for each in (ANNA, BOB, CARL)]
    for session in (anna, carl):
        await house.totp(session)
    problem = await refused(house, bob.actor, "account.factors_clear", address=ANNA)
    assert problem.kind == "refused"
    assert (await house.do(bob.actor, "account.factors_clear", address=CARL))["removed"] == 1
    assert (await house.identity.password(CARL, PASSWORD, VISITOR)).kind == "done"
    await house.do(ROOT, "account.factors_clear", address=ANNA)
    lines = (await house.do(ROOT, "audit.list"))["lines"]
    assert [line["subject"] for line in lines if line["use"] == "account.factors_clear"] == [ANNA, CARL]


async def test_a_passkey_alone_signs_in(house: House) -> None:
    """Without name and password; the challenge and the count are good once."""
    session = await house.sign_in(CARL)
    device = await house.passkey(session)
    options = await house.identity.challenge("", VISITOR)
    answer = device.get(options)
    entered = await house.session(await house.identity.second("", "passkey", answer, VISITOR))
    assert entered.actor.account == CARL
    assert (await house.identity.second("", "passkey", answer, VISITOR)).kind == "refused"
    for odd in ("", "{}", "[]", "null", '{"id":1}', "x" * 50_000, answer[:-9]):
        assert (
            await house.identity.second("", "passkey", odd, Visitor("192.0.2.9", "", ORIGIN))
        ).kind == "refused"
    house.clock.ahead += 301
    late = device.get(options)
    assert (await house.identity.second("", "passkey", late, ELSEWHERE)).kind == "refused"


async def test_a_passkey_as_second_step(house: House) -> None:
    """For the account of the password only."""
    carl, bob = await house.sign_in(CARL), await house.sign_in(BOB)
    device, other = await house.passkey(carl), await house.passkey(bob)
    step = await begin(house)
    assert step.factors == ("passkey",)
    options = await house.identity.challenge(step.pending, VISITOR)
    assert (
        await house.identity.second(step.pending, "passkey", other.get(options), VISITOR)
    ).kind == "refused"
    options = await house.identity.challenge(step.pending, VISITOR)
    assert (await house.identity.second(step.pending, "passkey", device.get(options), VISITOR)).kind == "done"
    proof = await house.identity.prove(carl, "", VISITOR)
    options = await house.identity.challenge(proof.pending, VISITOR)
    proved = await house.identity.second(proof.pending, "passkey", device.get(options), VISITOR)
    assert (await house.session(proved)).actor.session == carl.actor.session


async def test_what_a_passkey_is_refused_for(house: House) -> None:
    """Another page, no user verification, a copied authenticator, another domain in our own address line."""
    session = await house.sign_in(CARL)
    device = await house.passkey(session)

    async def attempt(visitor: Visitor = VISITOR) -> str:
        options = await house.identity.challenge("", visitor)
        return (await house.identity.second("", "passkey", device.get(options), visitor)).kind

    assert await attempt() == "done"
    device.origin = "https://mail.example.org.evil.example"
    assert await attempt() == "refused"
    assert await attempt(Visitor("192.0.2.1", "", "https://mail.example.org.evil.example")) == "refused"
    device.origin = ORIGIN
    device.verified = False
    assert await attempt() == "refused"
    device.verified = True
    device.count = 0
    assert await attempt() == "refused"
    device.count = 50
    assert await attempt() == "done"
    unverified = Authenticator(ORIGIN, verified=False)
    begun = await house.do(session.actor, "me.passkey_begin", origin=ORIGIN)
    answer = unverified.create(begun["options"])
    assert (await refused(house, session.actor, "me.passkey_finish", answer=answer)).kind == "invalid"
    answer = device.create(begun["options"])
    assert (await refused(house, session.actor, "me.passkey_finish", answer=answer)).kind == "refused"
    begun = await house.do(session.actor, "me.passkey_begin", origin=ORIGIN)
    answer = device.create(begun["options"])
    assert (await refused(house, session.actor, "me.passkey_finish", answer=answer)).kind == "exists"


async def test_a_passkey_without_a_count(house: House) -> None:
    """Synchronised passkeys always say 0."""
    device = await house.passkey(await house.sign_in(CARL), counting=False)
    for _ in range(2):
        options = await house.identity.challenge("", VISITOR)
        assert (await house.identity.second("", "passkey", device.get(options), VISITOR)).kind == "done"


@pytest.mark.parametrize(
    ("origin", "domain", "party"),
    [
        ("https://mail.example.org", "", "mail.example.org"),
        ("https://admin.mail.example.org:8443", "", "mail.example.org"),
        ("https://other.example", "", "other.example"),
        ("https://mail.example.org", "example.org", "example.org"),
        ("https://other.example", "example.org", None),
        ("https://notexample.org", "example.org", None),
        ("http://mail.example.org", "", None),
        ("https://192.0.2.1", "", None),
        ("https://[2001:db8::1]", "", None),
        ("http://localhost:8080", "", "localhost"),
        ("https://", "", None),
        ("https://[", "", None),
        ("", "", None),
    ],
)
def test_what_passkeys_are_made_for(origin: str, domain: str, party: str | None) -> None:
    """A domain of ours, or none."""
    found = passkeys.relying_party(origin, domain, "mail.example.org")
    assert (found.id if found else None) == party


async def test_nothing_secret_is_logged(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    """Good and bad steps of every kind: what people typed and what they got stands in no line."""
    session = await house.sign_in(CARL)
    program = await house.totp(session)
    device = await house.passkey(session)
    codes = (await house.do(session.actor, "me.recovery_codes"))["codes"]
    wrong = await house.identity.password(CARL, "hunter2-wrong", VISITOR)
    step = await begin(house)
    await give(house, step, "314159")
    answer = device.get(await house.identity.challenge(step.pending, VISITOR))
    await house.identity.second(step.pending, "passkey", answer[:-30], VISITOR)
    done = await house.identity.second((await begin(house)).pending, "recovery", codes[0], VISITOR)
    link = (await house.do(ROOT, "identity.link", address=CARL))["path"].rpartition("/")[2]
    entered = await house.identity.one_time(link, VISITOR)
    token = (await house.do(session.actor, "token.add", name="x"))["token"]
    assert (wrong.kind, done.kind, entered.kind) == ("refused", "done", "done")
    logged = "".join(capsys.readouterr())
    assert "signin.refused" in logged
    secrets = (
        PASSWORD,
        "hunter2",
        "314159",
        program.secret,
        step.pending,
        codes[0],
        link,
        token,
        done.cookie,
    )
    assert not [secret for secret in secrets if secret in logged]


async def test_sign_ins_hear_of_each_change(house: House) -> None:
    """Whether an account has a second factor is remembered until the directory changes: so each change is one."""
    database = house.context.database

    async def now() -> int:
        return await database.read(version, DIRECTORY)

    session = await house.sign_in(CARL)
    before = await now()
    await house.totp(session)
    confirmed = await now()
    assert confirmed > before
    await house.passkey(session)
    second = await now()
    assert second > confirmed
    (factor, _) = (await house.do(session.actor, "me.factor_list"))["factors"]
    await house.do(session.actor, "me.factor_remove", id=factor["id"])
    removed = await now()
    assert removed > second
    await house.do(ROOT, "account.factors_clear", address=CARL)
    assert await now() > removed
