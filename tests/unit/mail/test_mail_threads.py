"""Threading (RFC 5256 3)."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from posthouse.mail.threads import ThreadNode, ThreadRecord, message_ids, ordered_subject, references
from posthouse.wire.imap.structure import threads


def record(
    number: int, name: str = "", refs: str = "", subject: str = "", reply: bool = False, date: int = 0
) -> ThreadRecord:
    """A record with ids written as single letters."""
    return ThreadRecord(number, name, tuple(refs), date or number, subject or f"s{number}", reply)


def shown(roots: list[ThreadNode]) -> bytes:
    return threads(roots)


def test_message_ids_are_found_and_normalised() -> None:
    """Junk between ids is skipped; quoting that is not needed goes."""
    assert message_ids(b'words <a@b> (c) <"c"@d>\t<e@[1.2.3.4]> <no id> <f@g') == [
        "<a@b>",
        "<c@d>",
        "<e@[1.2.3.4]>",
    ]


def test_replies_hang_below_their_parents() -> None:
    """A straight line, then a fork."""
    records = [record(1, "a"), record(2, "b", "a"), record(3, "c", "ab"), record(4, "d", "ab")]
    assert shown(references(records)) == b"(1 2 (3)(4))"


def test_the_example_of_the_rfc() -> None:
    """RFC 5256 5: (3 6 (4 23)(44 7 96))."""
    records = [
        record(2, "x"),
        record(3, "a"),
        record(6, "b", "a"),
        record(4, "c", "ab"),
        record(23, "d", "abc"),
    ]
    records += [record(44, "e", "ab"), record(7, "f", "abe", date=45), record(96, "g", "abef")]
    assert shown(references(records)) == b"(2)(3 6 (4 23)(44 7 96))"


def test_a_missing_parent_holds_its_replies_together() -> None:
    """Siblings of a message that is not there share a thread; a lone one stands for itself."""
    assert (
        shown(references([record(1, "a", "z"), record(2, "b", "z"), record(3, "c", "y")])) == b"((1)(2))(3)"
    )


def test_loops_are_cut() -> None:
    """Messages that name each other as parents do not hang the server."""
    assert shown(references([record(1, "a", "b"), record(2, "b", "a")])) in (b"(1 2)", b"(2 1)")
    assert shown(references([record(1, "a", "a")])) == b"(1)"


def test_duplicate_ids_stay_apart() -> None:
    """The second message with an id counts as having none of its own."""
    assert shown(references([record(1, "a"), record(2, "a"), record(3, "b", "a")])) == b"(1 3)(2)"


def test_threads_of_one_subject_are_gathered() -> None:
    """A reply without References joins its original; equals become siblings."""
    records = [record(1, "a", subject="x"), record(2, "b", subject="x", reply=True), record(3, subject="y")]
    assert shown(references(records)) == b"(1 2)(3)"
    assert shown(references([record(1, "a", subject="x"), record(2, "b", subject="x")])) == b"((1)(2))"
    three = [record(number, subject="x", reply=True) for number in (1, 2, 3)]
    assert shown(references(three)) == b"((1)(2)(3))"


def test_siblings_are_sorted_by_date() -> None:
    """Order is by sent date, then by number."""
    records = [
        record(1, "a", date=9),
        record(2, "b", "a", date=8),
        record(3, "c", "a", date=7),
        record(4, "d", date=3),
    ]
    assert shown(references(records)) == b"(4)(1 (3)(2))"


def test_ordered_subject() -> None:
    """All later messages of a subject are children of the first; threads go by their first date."""
    records = [record(1, subject="x", date=5), record(2, subject="y", date=1), record(3, subject="x", date=2)]
    records += [record(4, subject="x", date=9)]
    assert shown(ordered_subject(records)) == b"(2)(3 (1)(4))"


def test_long_threads_are_quick_and_do_not_overflow() -> None:
    """Ten thousand replies in one line, in order and backwards."""
    chain = [ThreadRecord(n, f"<{n}@x>", (f"<{n - 1}@x>",), n, "s", True) for n in range(1, 10_001)]
    for records in (
        chain,
        [ThreadRecord(10_001 - r.id, r.message_id, r.references, r.date, "s", True) for r in chain],
    ):
        start = time.process_time()
        written = shown(references(records))
        assert time.process_time() - start < 30
        assert written.count(b"(") == 1


records_of_letters = st.lists(
    st.tuples(
        st.sampled_from("abcdef"), st.text("abcdef", max_size=3), st.sampled_from("xyz"), st.booleans()
    ),
    max_size=12,
)


@given(records_of_letters)
def test_every_message_is_in_one_place(drawn: list[tuple[str, str, str, bool]]) -> None:
    """Whatever the references, each message appears exactly once, in both algorithms."""
    records = [
        record(n, name, refs, subject, reply) for n, (name, refs, subject, reply) in enumerate(drawn, 1)
    ]
    for roots in (references(records), ordered_subject(records)):
        seen: list[int] = []
        stack = list(roots)
        while stack:
            node = stack.pop()
            stack.extend(node.children)
            if node.id is not None:
                seen.append(node.id)
        assert sorted(seen) == list(range(1, len(records) + 1))
