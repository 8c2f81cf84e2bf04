"""The offset scanner: trees of damaged and hostile messages."""

from __future__ import annotations

import mmap
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from posthouse.mail.mime import Buffer, Part, scan

CORPUS = sorted((Path(__file__).parents[2] / "corpus").glob("*/*.eml"))
MIXED = b"Content-Type: multipart/mixed; boundary=bb\r\n\r\n"


def walk(part: Part) -> Iterator[tuple[Part, Part]]:
    """(inner, outer) for every part below another."""
    for child in [*part.children, *([part.message] if part.message else [])]:
        yield child, part
        yield from walk(child)


def check_offsets(part: Part, size: int) -> None:
    """Offsets are ordered, inside the outer part, and siblings do not overlap."""
    assert part.start == 0
    assert part.end == size
    for inner, outer in [(part, part), *walk(part)]:
        assert 0 <= inner.start <= inner.body <= inner.end <= size
        assert outer is inner or outer.body <= inner.start
        assert inner.end <= outer.end
    for _, outer in [(part, part), *walk(part)]:
        for one, other in zip(outer.children, outer.children[1:], strict=False):
            assert one.end <= other.start


def shape(part: Part) -> object:
    """A tree's types and bodies' extents, for comparing."""
    kind = f"{part.type}/{part.subtype}"
    inner = [shape(child) for child in part.children] + ([shape(part.message)] if part.message else [])
    return (kind, part.body, part.end, inner) if inner else (kind, part.body, part.end)


def bodies(message: bytes) -> list[bytes]:
    """The bodies of a message's parts."""
    return [message[child.body : child.end] for child in scan(message).children]


def test_parts_end_before_their_boundary() -> None:
    """The CRLF before a boundary line belongs to the boundary (RFC 2046 5.1.1)."""
    message = MIXED + b"preamble\r\n--bb\r\n\r\none\r\n\r\n--bb\r\nA: b\r\n\r\ntwo\r\n--bb--\r\nepilogue\r\n"
    assert bodies(message) == [b"one\r\n", b"two"]


def test_line_feeds_alone_do_as_well() -> None:
    """Lines may end in LF."""
    message = MIXED.replace(b"\r", b"") + b"--bb\n\none\n--bb\nA: b\n\ntwo\n\n--bb--\n"
    assert bodies(message) == [b"one", b"two\n"]


def test_a_boundary_need_only_begin_the_line() -> None:
    """Blanks and junk after a boundary do not hide it."""
    assert bodies(MIXED + b"--bb  \r\n\r\none\r\n--bbjunk\r\n\r\ntwo\r\n--bb-- \r\n") == [b"one", b"two"]


def test_the_longer_of_two_boundaries_wins() -> None:
    """An inner boundary that begins with the outer one is told apart."""
    inner = (
        b"Content-Type: multipart/mixed; boundary=bbx\r\n\r\n--bbx\r\n\r\n1\r\n--bbx\r\n\r\n2\r\n--bbx--\r\n"
    )
    message = MIXED + b"--bb\r\n" + inner + b"--bb\r\n\r\n3\r\n--bb--\r\n"
    root = scan(message)
    assert [child.type for child in root.children] == ["multipart", "text"]
    assert [message[part.body : part.end] for part in root.children[0].children] == [b"1", b"2"]


def test_a_header_without_blank_line_is_cut_at_the_boundary() -> None:
    """A part whose header runs into a boundary has an empty body, and the next part is not lost."""
    message = MIXED + b"--bb\r\nContent-Type: text/html\r\n--bb\r\n\r\nnext\r\n--bb--\r\n"
    first, second = scan(message).children
    assert (first.subtype, message[first.start : first.body], first.end - first.body) == (
        "html",
        b"Content-Type: text/html",
        0,
    )
    assert message[second.body : second.end] == b"next"


def test_an_unterminated_multipart_ends_with_the_message() -> None:
    """Without closing boundary the last part reaches to the end."""
    assert bodies(MIXED + b"--bb\r\n\r\none\r\n--bb\r\n\r\ntwo\r\n") == [b"one", b"two\r\n"]


def test_an_outer_boundary_closes_what_is_inside() -> None:
    """An inner multipart that never closes does not swallow its neighbours."""
    inner = b"Content-Type: multipart/mixed; boundary=cc\r\n\r\n--cc\r\n\r\n1\r\n"
    root = scan(MIXED + b"--bb\r\n" + inner + b"--bb\r\n\r\n2\r\n--bb--\r\n")
    assert [len(child.children) for child in root.children] == [1, 0]


def test_embedded_messages_are_scanned() -> None:
    """message/rfc822 has the embedded message below it; its lines count header and body."""
    message = (
        MIXED + b"--bb\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\none\r\ntwo\r\n\r\n--bb--\r\n"
    )
    part = scan(message).children[0]
    assert part.message is not None
    assert message[part.message.start : part.message.body] == b"Subject: x\r\n\r\n"
    assert message[part.message.body : part.message.end] == b"one\r\ntwo\r\n"
    assert (part.lines, part.message.lines) == (4, 2)


def test_parts_of_a_digest_are_messages() -> None:
    """multipart/digest changes the default type (RFC 2046 5.1.5), a Content-Type of its own wins."""
    message = (
        b"Content-Type: multipart/digest; boundary=bb\r\n\r\n--bb\r\n\r\nSubject: x\r\n\r\ny\r\n--bb\r\n"
    )
    message += b"Content-Type: text/plain\r\n\r\nz\r\n--bb--\r\n"
    assert [child.type for child in scan(message).children] == ["message", "text"]


@pytest.mark.parametrize(
    ("field", "kind", "params"),
    [
        (b"TEXT/HTML; Charset=UTF-8", "text/html", [("charset", b"UTF-8")]),
        (b'text/plain;\r\n\tname="a;b\\"c"; x=', "text/plain", [("name", b'a;b"c'), ("x", b"")]),
        (b"text/(c(d))plain (e); (f) a (g) = (h) b (i)", "text/plain", [("a", b"b")]),
        (b"text/html;;; charset=x;", "text/html", [("charset", b"x")]),
        (b"text/html; charset", "text/html", []),
        (b'text/html; name="open; charset=x', "text/html", []),
        (b"text", "text/plain", []),
        (b"text/html charset=x", "text/plain", []),
        (b"", "text/plain", []),
        (
            b"text/plain; title*0*=utf-8''a; title*1=b",
            "text/plain",
            [("title*0*", b"utf-8''a"), ("title*1", b"b")],
        ),
    ],
)
def test_content_types_are_read_leniently(field: bytes, kind: str, params: list[tuple[str, bytes]]) -> None:
    """Odd Content-Type fields; those that cannot be understood are text/plain (RFC 2045 5.2)."""
    part = scan(b"Content-Type: " + field + b"\r\n\r\nx")
    assert f"{part.type}/{part.subtype}" == kind
    assert part.params == params


def test_other_fields_are_kept_raw() -> None:
    """Id, description, MD5, location unfolded; disposition and encoding in lower case; the first valid one counts."""
    part = scan(
        b"Content-ID: <a@b>\r\nContent-ID: <c@d>\r\nContent-Description: x\r\n\ty\r\nContent-MD5: abc=\r\n"
        b"Content-Transfer-Encoding: two words\r\nContent-Transfer-Encoding: BASE64\r\nContent-Location: u\r\n"
        b"Content-Disposition: Attachment; FileName=f\r\nContent-Language: en, de (x)\r\n\r\n"
    )
    assert (part.content_id, part.description, part.md5, part.location) == (b"<a@b>", b"x\ty", b"abc=", b"u")
    assert (part.encoding, part.disposition, part.disposition_params) == (
        "base64",
        "attachment",
        [("filename", b"f")],
    )
    assert part.language == [b"en", b"de"]


def test_limits_make_leaves() -> None:
    """Past the depth or the number of parts nothing is lost but the structure."""
    message = b""
    for level in range(30):
        message += b"Content-Type: multipart/mixed; boundary=b%d.\r\n\r\n--b%d.\r\n" % (level, level)
    root = scan(message, max_depth=10)
    depth = 0
    while root.children:
        root, depth = root.children[0], depth + 1
    assert depth == 10
    many = scan(MIXED + b"--bb\r\n\r\nx\r\n" * 100, max_parts=20)
    assert len(many.children) == 19
    check_offsets(many, len(MIXED + b"--bb\r\n\r\nx\r\n" * 100))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_corpus_offsets_are_consistent(path: Path) -> None:
    """Every message of the corpus has a consistent tree, the same one from bytes and from a memory map."""
    message = path.read_bytes()
    part = scan(message)
    check_offsets(part, len(message))
    with tempfile.TemporaryFile() as file:
        file.write(message)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            buffer: Buffer = mapped
            assert scan(buffer) == part


PIECES = [
    b"--a",
    b"--a--",
    b"--ab",
    b"--",
    b"a",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b":",
    b";",
    b'"',
    b"(",
    b"\\",
]
PIECES += [
    b"Content-Type: multipart/mixed; boundary=a\r\n",
    b"Content-Type: multipart/x; boundary=ab\r\n\r\n",
]
PIECES += [
    b"Content-Type: message/rfc822\r\n\r\n",
    b"Content-Type: multipart/digest; boundary=a\r\n\r\n",
    b"\0",
    b"\xff",
]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join))
@example(b"")
@example(b"\r")
@example(b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n--a\r\n\r\n--a--")
def test_any_pieces_give_a_consistent_tree(message: bytes) -> None:
    """Whatever is put together from boundaries, headers and junk scans to a consistent tree."""
    check_offsets(scan(message), len(message))


@given(st.binary(max_size=300))
def test_any_bytes_give_a_consistent_tree(message: bytes) -> None:
    """No bytes raise."""
    check_offsets(scan(message), len(message))


@pytest.mark.parametrize(
    "message",
    [
        MIXED + b"--bb\r\nx: y\r\n" * 30_000,
        MIXED + b"\n--" * 300_000,
        MIXED + b"--bc\n" * 200_000,
        b"x" * 1_000_000,
        b"\n " * 400_000,
        b"Content-Type: text/plain" + b"; a=" * 200_000,
        b"Content-Type: text/plain; a=" + b'"\\' * 300_000,
        b"Content-Type: text/plain (" + b"(" * 300_000,
        b"Content-Type: text/plain; " + b"".join(b"a*%d=b;" % n for n in range(50_000)),
        b"Content-Disposition:" * 50_000,
        b"Content-Type: message/rfc822\r\n\r\n" * 30_000,
    ],
    ids=range(11),
)
def test_hostile_messages_cost_linear_time(message: bytes) -> None:
    """Nothing a stranger sends makes the scanner slow: a megabyte takes well under a second, where a scan of quadratic
    cost takes many minutes (the limit lies far from both)."""
    start = time.process_time()
    check_offsets(scan(message), len(message))
    assert time.process_time() - start < 60
