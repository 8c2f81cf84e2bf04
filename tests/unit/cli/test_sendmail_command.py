"""The sendmail command: its options, the message it reads, and the file it leaves."""

from __future__ import annotations

import io
import stat
import sys
from pathlib import Path

import pytest

from posthouse.cli import sendmail_message as messages
from posthouse.cli.sendmail_drop import drop
from posthouse.cli.sendmail_options import Options, Usage, parse
from posthouse.cli.sendmail_smtp import converse
from posthouse.mail.dropped import NAME, Dropped, read
from posthouse.settings.maildrop_place import maildrop_of


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a@b"], Options(recipients=["a@b"])),
        (["-t", "-i"], Options(from_header=True, dot_ends=False)),
        (["-ti"], Options(from_header=True, dot_ends=False)),
        (["-oi", "-fx@y", "a"], Options(dot_ends=False, sender="x@y", recipients=["a"])),
        (["-f", "", "a"], Options(sender="", recipients=["a"])),
        (["-r", "x@y", "-F", "A B", "--", "-a"], Options(sender="x@y", name="A B", recipients=["-a"])),
        (["-N", "success,delay", "-R", "hdrs"], Options(notify=("SUCCESS", "DELAY"), ret="HDRS")),
        (["-Ve1"], Options(envid="e1")),
        (["-B", "8BITMIME", "-oem", "-v", "-bm", "a"], Options(recipients=["a"])),
        (["-bs"], Options(mode="smtp")),
        (["-bp"], Options(mode="list")),
        (["-q30m"], Options(mode="nothing")),
        (["-bi"], Options(mode="nothing")),
    ],
)  # fmt: skip
def test_options(words: list[str], expected: Options) -> None:
    assert parse(words) == expected


@pytest.mark.parametrize("words", [["-f"], ["-bz"], ["-b"], ["-Z"], ["-N"]])
def test_options_that_are_none(words: list[str]) -> None:
    with pytest.raises(Usage):
        parse(words)


@pytest.mark.parametrize(
    ("given", "dot_ends", "expected"),
    [
        (b"A: b\n\nx\n.\ny\n", True, b"A: b\n\nx\n"),
        (b"A: b\n\nx\n.\ny\n", False, b"A: b\n\nx\n.\ny\n"),
        (b"A: b\r\n\r\nx\r\n.\r\n", True, b"A: b\n\nx\n"),
        (b"A: b\n\nx\n.", True, b"A: b\n\nx\n"),
        (b".\n", True, b""),
        (b"From me Mon Jan 1\nA: b\n\nx", True, b"A: b\n\nx"),
    ],
)
def test_where_a_message_ends(given: bytes, dot_ends: bool, expected: bytes) -> None:
    assert messages.read(io.BytesIO(given), dot_ends=dot_ends) == expected


def test_header_and_recipients() -> None:
    """-t finds them in To, Cc and Bcc, folded and grouped; text without a header is all body."""
    head, body = messages.split(
        b"To: Ann <a@x.test>,\n b@x.test\nCc: g: c@x.test;\nBcc: root, a@x.test\nSubject: s\n\nhi\n"
    )
    assert messages.recipients(head) == ["a@x.test", "b@x.test", "c@x.test", "root"]
    assert messages.without_bcc(head, body) == (
        b"To: Ann <a@x.test>,\n b@x.test\nCc: g: c@x.test;\nSubject: s\n\nhi\n"
    )
    assert messages.split(b"hello there\nyou\n") == (b"", b"hello there\nyou\n")
    assert messages.split(b"\nbody") == (b"", b"body")
    assert messages.with_author(b"A: b\r\n\r\nx", "a@x.test", "A") == b"From: A <a@x.test>\r\nA: b\r\n\r\nx"
    assert messages.with_author(b"From: b\r\n\r\nx", "a@x.test", "A") == b"From: b\r\n\r\nx"


def test_a_dropped_file_is_whole_and_its_own(tmp_path: Path) -> None:
    """Named so that the server knows it is complete; nothing unfinished is left."""
    envelope = Dropped(sender="a@x.test", recipients=("b@x.test",), notify=("NEVER",))
    path = drop(tmp_path, envelope, b"A: b\n\nx\n")
    assert NAME.fullmatch(path.name)
    assert read(path.read_bytes()) == (envelope, b"A: b\r\n\r\nx\r\n")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
    with pytest.raises(FileNotFoundError):
        drop(tmp_path / "none", envelope, b"")


def test_where_the_maildrop_is() -> None:
    assert maildrop_of("/data", {"POSTHOUSE_MAILDROP": "/drop"}) == "/drop"
    assert maildrop_of("/some/data", {}) == "/some/data/maildrop"


def test_a_conversation_on_standard_input() -> None:
    """-bs: what cannot be taken is answered, a message that breaks off is not handed in."""
    taken: list[tuple[Options, bytes]] = []

    def hand(options: Options, message: bytes) -> int:
        taken.append((options, message))
        return {b"later\n": 75, b"never\n": 65}.get(message, 0)

    def say(text: str) -> list[str]:
        answer = io.BytesIO()
        converse(io.BytesIO(text.encode()), answer, hand)
        return [line[:3] for line in answer.getvalue().decode().splitlines() if line[3:4] == " "]

    mail = "MAIL FROM:<> RET=HDRS\r\nRCPT TO:<a@x.test> NOTIFY=NEVER\r\nDATA\r\n"
    assert say(f"HELO x\r\n{mail}hi\r\n..\r\n.\r\n") == ["220", "250", "250", "250", "354", "250"]
    options, message = taken.pop()
    assert (options.sender, options.recipients, options.notify, options.ret) == (
        "<>",
        ["a@x.test"],
        ("NEVER",),
        "HDRS",
    )
    assert message == b"hi\n.\n"
    assert say(f"{mail}later\r\n.\r\n")[-1] == "451"
    assert say(f"{mail}never\r\n.\r\n")[-1] == "554"
    taken.clear()
    assert say(f"{mail}half")[-1] == "354"
    assert say("RCPT TO:<a@x.test>\r\nDATA\r\nBOO\r\nMAIL FROM:x\r\nQUIT\r\n") == [
        "220",
        "503",
        "503",
        "502",
        "501",
        "221",
    ]
    assert taken == []
