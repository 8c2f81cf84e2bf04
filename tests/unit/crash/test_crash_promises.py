"""The judge of system-call traces finds each missing flush (in written traces; the live ones are in tests/crash)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from disk import Disk
from promises import Judge

BODY = b"Subject: t1\r\n\r\nhello\r\n"
DIGEST = hashlib.sha256(BODY).hexdigest()
ROW = "".join(f"\\x{byte:02x}" for byte in bytes.fromhex(DIGEST))
GOOD = f"""\
10 openat(AT_FDCWD</d>, "/d/messages/tmp/x1", O_WRONLY|O_CREAT|O_EXCL, 0600) = 7</d/messages/tmp/x1>
10 write(7</d/messages/tmp/x1>, "Subject: t1\\r\\n\\r\\nhello\\r\\n", 22) = 22
10 fsync(7</d/messages/tmp/x1>) = 0
10 rename("/d/messages/tmp/x1", "/d/messages/{DIGEST[:2]}/{DIGEST}.eml") = 0
11 fsync(8</d/messages/{DIGEST[:2]}> <unfinished ...>
10 openat(AT_FDCWD</d>, "/d/posthouse.db-wal", O_RDWR|O_CREAT, 0600) = 9</d/posthouse.db-wal>
10 pwrite64(9</d/posthouse.db-wal>, "..{ROW}..", 36, 0) = 36
11 <... fsync resumed>) = 0
10 fdatasync(9</d/posthouse.db-wal>) = 0
10 fsync(12</d>) = 0
12 sendto(20<TCP:[127.0.0.1:25->127.0.0.1:40000]>, "250 2.0.0 Message accepted (x)\\r\\n", 32, 0, NULL, 0) = 32
"""
LINES = GOOD.splitlines(keepends=True)


def judged(folder: Path, trace: str) -> Judge:
    """The judge after a trace of a server with an empty data folder."""
    (folder / "messages" / "tmp").mkdir(parents=True)
    (folder / "messages" / DIGEST[:2]).mkdir()
    judge = Judge(Disk(folder), folder, {40000: ["t1"]})
    judge.follow(trace.replace("/d/", f"{folder}/").replace("</d>", f"<{folder}>"))
    return judge


def test_a_whole_trace_keeps_its_promise(tmp_path: Path) -> None:
    """Body, its name and the commit synced before the reply: nothing to complain about."""
    judge = judged(tmp_path, GOOD)
    assert judge.complaints == []
    assert judge.promised == ["t1"]
    assert not judge.missing()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (2, "bytes of its body"),
        (3, "not put into place"),
        (7, "directory entry"),
        (8, "commit"),
        (9, "commit"),  # the log's own name in the data folder
    ],
)
def test_each_missing_flush_is_found(tmp_path: Path, line: int, complaint: str) -> None:
    """Taking any one line out of the trace makes the judge name what is missing."""
    judge = judged(tmp_path, "".join(LINES[:line] + LINES[line + 1 :]))
    assert [complaint in each for each in judge.complaints] == [True], judge.complaints


@pytest.mark.parametrize(("line", "complaint"), [(2, "bytes"), (7, "directory entry"), (8, "commit")])
def test_a_flush_that_comes_after_the_reply_does_not_count(tmp_path: Path, line: int, complaint: str) -> None:
    """What matters is that the flush returned before, not that it was begun or came at all."""
    judge = judged(tmp_path, "".join([*LINES[:line], *LINES[line + 1 :], LINES[line]]))
    assert any(complaint in each for each in judge.complaints)


def test_a_flush_that_began_before_the_write_returned_does_not_count(tmp_path: Path) -> None:
    """Such a flush may have missed the write."""
    lines = list(LINES)
    lines[1:3] = [
        '10 write(7</d/messages/tmp/x1>, "Subject: t1\\r\\n\\r\\nhello\\r\\n", 22 <unfinished ...>\n',
        "11 fsync(7</d/messages/tmp/x1> <unfinished ...>\n",
        "10 <... write resumed>) = 22\n",
        "11 <... fsync resumed>) = 0\n",
    ]
    assert any("bytes of its body" in each for each in judged(tmp_path, "".join(lines)).complaints)


def test_a_trace_without_the_reply_is_no_proof(tmp_path: Path) -> None:
    """A promise the client saw and the trace does not show is noticed."""
    assert judged(tmp_path, "".join(LINES[:-1])).missing() == {"t1"}


def test_a_power_cut_leaves_only_what_was_synced(tmp_path: Path) -> None:
    """The disk laid out after a cut holds the synced file, and not the bytes written after the flush."""
    root = tmp_path / "root"
    trace = [*LINES, '10 pwrite64(9</d/posthouse.db-wal>, "late", 4, 0) = 4\n']
    judge = judged(root, "".join(trace))
    judge.disk.write(tmp_path / "after")
    assert (tmp_path / "after" / "messages" / DIGEST[:2] / f"{DIGEST}.eml").read_bytes() == BODY
    assert (tmp_path / "after" / "posthouse.db-wal").read_bytes().startswith(b"..")
    assert list((tmp_path / "after" / "messages" / "tmp").iterdir()) == []
