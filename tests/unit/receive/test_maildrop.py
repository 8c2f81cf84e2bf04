"""The maildrop: what local programs left is taken once, as who they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from receive_parts import Reception

from posthouse.cli.sendmail_drop import drop
from posthouse.mail.dropped import Dropped, read, with_domain
from posthouse.mail.refusal import Refusal
from posthouse.receive import maildrop as module
from posthouse.receive.injection import Injector, Told
from posthouse.receive.maildrop import Maildrop
from posthouse.settings import sendmail

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the kernel's word for users is POSIX's")

MESSAGE = b"From: root (Cron Daemon)\nTo: anna\nSubject: x\n\nHello\n.\nend\n"


class House:
    """A maildrop before a server in memory. ``owner``: whose files the others are."""

    def __init__(self, folder: Path, who: str = "everybody") -> None:
        self.folder = folder
        self.server = Reception({sendmail.WHO: who})
        self.accepted: set[str] = set()
        self.reported: list[tuple[str, list[str]]] = []
        self.now = 0.0
        self.drop = Maildrop(
            folder,
            injector=Injector(self.server.parts),
            settings=self.server.settings,
            was_accepted=self.was_accepted,
            report=self.report,
            domain=lambda: "example.org",
            user_of=lambda uid: f"user{uid}",
            clock=lambda: self.now,
        )

    async def was_accepted(self, trace: str) -> bool:
        return trace in self.accepted

    async def report(self, trace: str, sender: str, failed: list[Told], message: bytes) -> None:
        self.reported.append((sender, [str(one.address) for one in failed]))

    def put(self, **more: object) -> Path:
        return drop(self.folder, Dropped(**{"recipients": ("anna",), **more}), MESSAGE)  # type: ignore[arg-type]

    @property
    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.is_file())

    @property
    def refused(self) -> int:
        aside = self.folder / "refused"
        return len(list(aside.iterdir())) if aside.exists() else 0


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files belong to somebody who is neither root nor the server."""
    monkeypatch.setattr(module.os, "geteuid", lambda: 4711)
    real = os.fstat

    def fstat(descriptor: int) -> os.stat_result:
        found = list(real(descriptor))
        found[4] = 1001
        return os.stat_result(found)

    monkeypatch.setattr(module.os, "fstat", fstat)


async def test_a_message_is_taken_and_its_file_goes(tmp_path: Path) -> None:
    """The server's own user may send as anybody; names without a domain are ours; lines end in CRLF."""
    house = House(tmp_path)
    house.put(sender="bert@elsewhere.test", notify=("SUCCESS",), ret="HDRS", envid="e1")
    assert await house.drop.look() == 1
    ((envelope, body),) = house.server.acceptance.messages
    assert str(envelope.sender) == "bert@elsewhere.test"
    assert [(str(each.address), each.notify) for each in envelope.recipients] == [
        ("anna@example.org", {"SUCCESS"})
    ]
    assert (envelope.ret, envelope.envid) == ("HDRS", "e1")
    assert b'From: "Cron Daemon" <root@example.org>\r\n' in body or b"From: root@example.org\r\n" in body
    assert body.endswith(b"\r\n\r\nHello\r\n.\r\nend\r\n")
    assert house.left == []


@pytest.mark.usefixtures("stranger")
async def test_others_send_as_themselves(tmp_path: Path) -> None:
    """Whatever sender they name; and a foreign From gets a Sender beside it."""
    house = House(tmp_path)
    house.put(sender="boss@example.org")
    house.put(sender="<>")
    assert await house.drop.look() == 2
    for envelope, body in house.server.acceptance.messages:
        assert str(envelope.sender) == "user1001@example.org"
        assert b"\r\nSender: user1001@example.org\r\n" in body


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize("who", ["owner", "nobody"])
async def test_who_may_not(tmp_path: Path, who: str) -> None:
    house = House(tmp_path, who)
    house.put()
    assert await house.drop.look() == 0
    assert (house.server.acceptance.messages, house.refused, house.left) == ([], 1, [])


async def test_nothing_is_taken_twice(tmp_path: Path) -> None:
    """The server died after it accepted and before the file went."""
    house = House(tmp_path)
    path = house.put()
    house.accepted.add(path.name.split(".")[1])
    await house.drop.look()
    assert (house.server.acceptance.messages, house.left) == ([], [])


async def test_a_temporary_refusal_waits(tmp_path: Path) -> None:
    """The file stays, is left alone for a while, and is taken then."""
    house = House(tmp_path)
    house.put()
    house.server.acceptance.refuse = Refusal(452, "4.3.1", "Not now")
    assert await house.drop.look() == 0
    house.server.acceptance.refuse = None
    assert await house.drop.look() == 0
    assert len(house.left) == 1
    house.now = 61.0
    assert await house.drop.look() == 1
    assert house.left == []


async def test_who_cannot_be_reached_is_reported(tmp_path: Path) -> None:
    """The others get it."""
    house = House(tmp_path)
    house.put(recipients=("anna", "nobody", "x@far.test"), sender="bert@example.org")
    await house.drop.look()
    assert house.reported == [("bert@example.org", ["nobody@example.org", "x@far.test"])]
    assert len(house.server.acceptance.messages) == 1


async def test_what_is_no_message_is_set_aside(tmp_path: Path) -> None:
    """Links, pipes, torn files, wrong envelopes: nothing is opened that should not be, and nothing stops the rest."""
    house = House(tmp_path)
    number = iter(range(10))

    def name() -> Path:
        return tmp_path / f"{next(number)}.{'0' * 32}.mail"

    secret = tmp_path / "secret"
    secret.write_bytes(b'{"recipients":["anna"]}\nSubject: stolen\n\n')
    name().symlink_to(secret)
    os.link(secret, name())
    os.mkfifo(name())
    name().write_bytes(b"")
    name().write_bytes(b"not json\nSubject: x\n\n")
    name().write_bytes(b'{"recipients":[]}\n\n')
    name().write_bytes(b'{"recipients":["a b"]}\n\n')
    name().write_bytes(b'{"recipients":["anna"],"version":2}\n\n')
    name().write_bytes(b'{"recipients":["anna"],"notify":["LOUD"]}\n\n')
    (tmp_path / "1.tmp").write_bytes(b"")
    house.put()
    assert await house.drop.look() == 1
    assert (house.refused, house.left) == (9, ["1.tmp", "secret"])


@pytest.mark.usefixtures("stranger")
async def test_somebody_made_the_folder_for_refused_mail_first(tmp_path: Path) -> None:
    """Another user's folder, or a link to it, gets nobody's mail; and the mail behind goes on."""
    house = House(tmp_path / "drop", "owner")
    house.folder.mkdir()
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (house.folder / "refused").symlink_to(theirs)
    house.put()
    assert await house.drop.look() == 0
    if os.geteuid() == 0:
        (house.folder / "refused").unlink()
        (house.folder / "refused").mkdir()
        os.chown(house.folder / "refused", 1001, 1001)
        house.now = 61.0
        assert await house.drop.look() == 0
    assert (list(theirs.iterdir()), house.refused, len(house.left)) == ([], 0, 1)


async def test_a_name_that_cannot_be_moved_holds_up_nobody(tmp_path: Path) -> None:
    house = House(tmp_path)
    name = f"0.{'0' * 32}.mail"
    for folder in (tmp_path / name, tmp_path / "refused" / name):
        folder.mkdir(parents=True)
        (folder / "full").touch()
    house.put(sender="bert@example.org")
    assert await house.drop.look() == 1
    assert (len(house.server.acceptance.messages), house.left) == (1, [])


async def test_a_message_that_is_refused_is_told_of(tmp_path: Path) -> None:
    """It is kept, and whose it was hears of it."""
    house = House(tmp_path)
    house.put(sender="bert@example.org")
    house.put(sender="<>")
    house.server.acceptance.refuse = Refusal(554, "5.6.0", "Too odd")
    assert await house.drop.look() == 0
    assert house.reported[0] == ("bert@example.org", ["anna@example.org"])
    assert house.reported[1][0].startswith("user")
    assert house.refused == 2


def test_envelope_and_message_come_back() -> None:
    """Any line end becomes CRLF."""
    complete = read(b'{"recipients":["a"]}\nA: b\n\nx\ry\r\nz\n')
    assert complete.message == b"A: b\r\n\r\nx\r\ny\r\nz\r\n"


def test_a_from_without_domain() -> None:
    """Only such a one is touched."""
    assert with_domain(b"A: b\r\nFrom: root\r\n\r\nx", "o.test") == b"A: b\r\nFrom: root@o.test\r\n\r\nx"
    for message in (b"From: a@b.test\r\n\r\nx", b"From: a, b\r\n\r\nx", b"To: root\r\n\r\nx", b"no header"):
        assert with_domain(message, "o.test") == message
