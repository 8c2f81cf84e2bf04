"""Who may write to whom: every kind of sender to every kind of recipient, one message each.

The table is the specification. ``+ a b`` says that the message is taken and lies in the mailboxes of a and b at
ours.test; what has an @ is handed to the world outside, once for each. Anything else is the refusal, at RCPT unless it
says where. No refused message arrives anywhere, and no accepted one anywhere else.
"""

from __future__ import annotations

import smtplib
from collections import Counter
from collections.abc import Iterator

import pytest
from matrix_scene import RELAY, Matrix, matrix, write

pytestmark = pytest.mark.timeout(300)

SENDERS = {
    # who signs in, the envelope sender, and where it comes from; + stands for an address that the server made up
    "stranger": ("", "x@far.test", ""),
    "pretender": ("", "anna@ours.test", ""),
    "null": ("", "", ""),
    "account": ("anna@ours.test", "anna@ours.test", ""),
    "alias": ("anna@ours.test", "info@ours.test", ""),
    "further": ("anna@ours.test", "a.nna@ours.test", ""),
    "masked": ("anna@ours.test", "MASKED", ""),
    "with-right": ("bert@ours.test", "carl@ours.test", ""),
    "program": ("", "printer@ours.test", RELAY),
}
"""Senders that get as far as RCPT. Strangers, people of ours who signed in, and a program on the relay network."""

NOBODY = "550 5.1.1"
DISABLED = "550 5.2.1"
DENIED = "550 5.7.1"
FULL = "452 4.2.2"
LARGE = "552 5.3.4"

EVERYBODY = tuple(SENDERS)
STRANGERS = ("stranger", "pretender", "null")
PEOPLE = ("account", "alias", "further", "masked", "with-right")
OURS = (*PEOPLE, "program")

Rule = tuple[tuple[str, ...], str]

TABLE: dict[str, tuple[str, list[Rule]]] = {
    # recipient kind: (address, [(senders, what happens), ...])
    "account": ("carl@ours.test", [(EVERYBODY, "+ carl")]),
    "account, other case": ("CARL@Ours.Test", [(EVERYBODY, "+ carl")]),
    "further address": ("a.nna@ours.test", [(EVERYBODY, "+ anna")]),
    "alias": ("info@ours.test", [(EVERYBODY, "+ anna")]),
    "alias of several, one closed": ("team@ours.test", [(EVERYBODY, "+ anna bert out@far.test")]),
    "alias of several, twice the same": ("pair@ours.test", [(EVERYBODY, "+ anna bert")]),
    "alias outside": ("away@ours.test", [(EVERYBODY, "+ out@far.test")]),
    "alias that is off": ("off@ours.test", [(EVERYBODY, NOBODY)]),
    "alias to a closed account": ("dead@ours.test", [(EVERYBODY, DISABLED)]),
    "aliases in a circle": ("robin@ours.test", [(EVERYBODY, "451 4.4.6")]),
    "forwards and keeps": ("kept@ours.test", [(EVERYBODY, "+ kept out@far.test")]),
    "forwards, keeps nothing": ("gone@ours.test", [(EVERYBODY, "+ out@far.test")]),
    "list for all": (
        "public@ours.test",
        [(("null",), DENIED), (EVERYBODY, "+ bert out@far.test")],
    ),
    "alias to a list": (
        "news@ours.test",
        [(("null",), DENIED), (EVERYBODY, "+ bert out@far.test")],
    ),
    # Members are known by their address in the envelope: what is not on the list is not a member.
    "list for members": (
        "members@ours.test",
        [(("pretender", "account"), "+ anna bert"), (EVERYBODY, DENIED)],
    ),
    "list of announcements": (
        "announce@ours.test",
        [(("pretender", "account"), "+ bert"), (EVERYBODY, DENIED)],
    ),
    "list for its domain": (
        "domain@ours.test",
        [(("stranger", "null"), DENIED), (EVERYBODY, "+ bert")],
    ),
    # printer@ours.test is nobody, and an alias is no account.
    "list for accounts": (
        "server@ours.test",
        [(("pretender", "account", "further", "masked", "with-right"), "+ bert"), (EVERYBODY, DENIED)],
    ),
    "list for who signs in": ("signed@ours.test", [(PEOPLE, "+ bert"), (EVERYBODY, DENIED)]),
    "list within a list": (
        "outer@ours.test",
        [(("null",), DENIED), (EVERYBODY, "+ bert carl")],
    ),
    "list that is off": ("quiet@ours.test", [(EVERYBODY, DISABLED)]),
    "catch-all": ("whoever@caught.test", [(EVERYBODY, "+ bert")]),
    "plus detail": ("carl+shop@ours.test", [(EVERYBODY, "+ carl")]),
    "plus detail of nobody": ("nobody+carl@ours.test", [(EVERYBODY, NOBODY)]),
    "other name of the domain": ("carl@also.test", [(EVERYBODY, "+ carl")]),
    "masked address": ("MASKED", [(EVERYBODY, "+ anna")]),
    "masked, switched off": ("MASKED-OFF", [(EVERYBODY, NOBODY)]),
    "masked, expired": ("MASKED-OVER", [(EVERYBODY, NOBODY)]),
    "masked, used up": ("MASKED-USED", [(EVERYBODY, NOBODY)]),
    "closed account": ("shut@ours.test", [(EVERYBODY, DISABLED)]),
    "removed account": ("former@ours.test", [(EVERYBODY, NOBODY)]),
    "domain that is off": ("dora@asleep.test", [(EVERYBODY, DISABLED)]),
    "full mailbox": ("full@ours.test", [(EVERYBODY, FULL)]),
    "full domain": ("emil@crowded.test", [(EVERYBODY, FULL)]),
    "too large": ("small@ours.test", [(EVERYBODY, LARGE)]),
    "too large, size not told": ("small@ours.test", [(EVERYBODY, f"DATA {LARGE}")]),
    "remote": ("y@far.test", [(STRANGERS, DENIED), (OURS, "+ y@far.test")]),
    "route for everybody": ("y@backup.test", [(EVERYBODY, "+ y@backup.test")]),
    "route for ours": ("y@partner.test", [(STRANGERS, DENIED), (OURS, "+ y@partner.test")]),
    "domain of ours with a route": ("y@split.test", [(EVERYBODY, "+ y@split.test")]),
    "postmaster": ("postmaster@ours.test", [(EVERYBODY, "+ anna")]),
    "postmaster without domain": ("postmaster", [(EVERYBODY, "+ anna")]),
    "abuse": ("abuse@ours.test", [(EVERYBODY, "+ anna")]),
    "unknown": ("nobody@ours.test", [(EVERYBODY, NOBODY)]),
    # For notices alone: with a sender it would be a way around every filter.
    "return address": ("RETURN", [(("null",), "+ x@far.test"), (EVERYBODY, DENIED)]),
    "forged return address": ("SRS0=AAAA=XY=far.test=x@ours.test", [(EVERYBODY, NOBODY)]),
}

BIG = ("too large", "too large, size not told")
CELLS = [(sender, kind) for kind in TABLE for sender in SENDERS]


def wanted(sender: str, kind: str) -> str:
    """What the table says."""
    return next(what for who, what in TABLE[kind][1] if sender in who)


class Shown:
    """What was seen of every cell."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[str, int, str]] = {}
        self.places: dict[tuple[str, str], Counter[str]] = {}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with matrix(tmp_path_factory.mktemp("matrix") / "server") as made:
        yield made
        assert "Traceback" not in made.server.log, made.server.log[-4000:]


@pytest.fixture(scope="module")
def shown(scene: Matrix) -> Shown:
    """Every message is sent, then it is looked where each came to lie."""
    found = Shown()
    for sender, (login, path, source) in SENDERS.items():
        with scene.connect(login=login, source=source or "127.0.0.1") as client:
            for kind, (address, _) in TABLE.items():
                to, by = scene.names.get(address, address), scene.names.get(path, path)
                size, tell = (2000 if kind in BIG else 0), kind != BIG[1]
                subject = f"{sender} to {kind}"
                found.answers[sender, kind] = write(client, by, to, subject, size=size, tell=tell)
    scene.wait_empty()
    inside, left = scene.inboxes(), scene.left()
    for sender, kind in CELLS:
        subject = f"{sender} to {kind}"
        found.places[sender, kind] = inside.pop(subject, Counter()) + left.pop(subject, Counter())
    found.places["", ""] = sum((*inside.values(), *left.values()), Counter())
    return found


@pytest.mark.parametrize(("sender", "kind"), CELLS, ids=[f"{sender} -> {kind}" for sender, kind in CELLS])
def test_cell(shown: Shown, sender: str, kind: str) -> None:
    """The answer, and where the message lies: there once, and nowhere else."""
    stage, code, enhanced = shown.answers[sender, kind]
    expected = wanted(sender, kind)
    if expected.startswith("+"):
        assert (stage, code) == ("DATA", 250), (stage, code, enhanced)
        assert shown.places[sender, kind] == Counter(expected.split()[1:])
        return
    at = expected if expected.startswith("DATA") else f"RCPT {expected}"
    assert f"{stage} {code} {enhanced}" == at
    assert not shown.places[sender, kind]


def test_nothing_else_was_written(shown: Shown) -> None:
    """No notice, no copy, no message that is in no cell (but for the three that set the scene)."""
    assert shown.places["", ""] == Counter({"anna": 1, "full": 1, "out@far.test": 1})


@pytest.mark.parametrize(
    "path", ["bert@ours.test", "public@ours.test", "whoever@caught.test", "x@far.test", "RETURN", "MASKED"]
)
def test_who_signed_in_writes_in_no_other_name(scene: Matrix, path: str) -> None:
    """Refused at MAIL whoever it is for: another's address, a list, what a catch-all takes, an address outside."""
    with scene.connect(login="carl@ours.test") as client:
        for kind, (address, _) in TABLE.items():
            to = scene.names.get(address, address)
            assert write(client, scene.names.get(path, path), to, "forged") == ("MAIL", 553, "5.7.1"), kind


def test_who_may_not_sign_in(scene: Matrix) -> None:
    """A closed account, a removed one, one of a domain that is off and one that never was are answered alike."""
    answers = set()
    for login in ("shut@ours.test", "former@ours.test", "dora@asleep.test", "nobody@ours.test"):
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            scene.connect(login=login)
        answers.add((refused.value.smtp_code, bytes(refused.value.smtp_error)))
    assert len(answers) == 1, answers
    assert next(iter(answers))[1].startswith(b"5.7.8")


def test_submission_without_signing_in(scene: Matrix) -> None:
    with smtplib.SMTP("127.0.0.1", scene.server.submission, "far.test", 30) as client:
        client.ehlo()
        assert write(client, "anna@ours.test", "carl@ours.test", "not signed in") == ("MAIL", 530, "5.7.0")


def test_pretenders_sign_in_where_that_is_wanted(scene: Matrix) -> None:
    """With the setting no recipient at all takes mail of a stranger in the name of one of ours; who leads nowhere may
    be told so first."""
    scene.call("setting.set", name="smtp.own_senders_sign_in", value="on")
    try:
        with scene.connect() as client:
            for kind, (address, _) in TABLE.items():
                to, nowhere = scene.names.get(address, address), wanted("pretender", kind)
                stage, code, enhanced = write(client, "anna@ours.test", to, "forged")
                assert stage == "RCPT", kind
                assert f"{code} {enhanced}" in ("530 5.7.0", nowhere), kind
            assert write(client, "x@far.test", "carl@ours.test", "honest")[1] == 250
        with scene.connect(source=RELAY) as client:
            assert write(client, "printer@ours.test", "carl@ours.test", "printed")[1] == 250
    finally:
        scene.call("setting.set", name="smtp.own_senders_sign_in", value="off")
