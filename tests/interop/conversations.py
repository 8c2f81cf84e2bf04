"""A mailbox of conversations: what THREAD and the base subject of RFC 5256 have to deal with.

Each row is (name, subject, Message-ID, In-Reply-To, References, minutes after the first). None leaves a field out.
"""

from __future__ import annotations

from differential import Sent

_ROWS: tuple[tuple[str, str | None, str | None, str | None, str | None, int], ...] = (
    # a plain thread, arriving in disorder
    ("plain-reply-2", "Re: plain", "<p3@x>", "<p2@x>", "<p1@x> <p2@x>", 30),
    ("plain-first", "plain", "<p1@x>", None, None, 10),
    ("plain-reply-1", "Re: plain", "<p2@x>", "<p1@x>", "<p1@x>", 20),
    ("plain-reply-3", "Re: Plain", "<p4@x>", "<p1@x>", None, 25),
    # the message they answer is not there
    ("orphan-1", "Re: lost", "<o1@x>", "<o0@x>", "<o0@x>", 40),
    ("orphan-2", "Re: lost", "<o2@x>", "<o0@x>", "<o0@x>", 41),
    ("orphan-3", "Something else", "<o3@x>", None, "<o0@x> <o9@x>", 39),
    # only the subject tells
    ("subject-reply", "Re: by subject", "<s2@x>", None, None, 51),
    ("subject-first", "by subject", "<s1@x>", None, None, 50),
    ("subject-twin", "By Subject", "<s3@x>", None, None, 52),
    ("subject-list", "[list] Re: [list] by subject (fwd)", "<s4@x>", None, None, 53),
    ("subject-forward", "[Fwd: by subject]", "<s5@x>", None, None, 54),
    ("subject-fw", "FW: by  subject", "<s6@x>", None, None, 55),
    ("subject-encoded", "=?utf-8?q?Re=3A_by_subject?=", "<s7@x>", None, None, 56),
    # identifiers gone wrong
    ("twice-1", "twice", "<t1@x>", None, None, 60),
    ("twice-2", "twice again", "<t1@x>", None, None, 61),
    ("twice-reply", "answer to twice", "<t2@x>", "<t1@x>", "<t1@x>", 62),
    ("no-id", "no id", None, None, None, 63),
    ("no-id-reply", "answer to no id", "<n2@x>", "<n1@x>", None, 64),
    ("loop-1", "loop", "<l1@x>", None, "<l2@x>", 70),
    ("loop-2", "loop two", "<l2@x>", None, "<l1@x>", 71),
    ("self", "self", "<self@x>", "<self@x>", "<self@x>", 72),
    ("quoted-first", "quoted id", '<"q1"@x>', None, None, 73),
    ("quoted-reply", "answer to a quoted id", "<q2@x>", "<q1@x>", "<q1@x>", 74),
    ("words", "in reply to words", "<w1@x>", "Your message of <p1@x> yesterday", None, 75),
    ("many-in-reply-to", "two parents", "<m1@x>", "<p2@x> <p3@x>", None, 76),
    ("bad-references", "bad references", "<b1@x>", "<p1@x>", "no ids here", 77),
    ("folded", "folded references", "<f1@x>", None, "<p1@x>\r\n\t<p2@x>\r\n <p3@x>", 78),
    # two histories that contradict each other
    ("tree-1", "tree", "<r1@x>", None, None, 80),
    ("tree-2", "Re: tree", "<r2@x>", None, "<r1@x>", 81),
    ("tree-3", "Re: tree", "<r3@x>", None, "<r2@x> <r1@x>", 82),
    ("tree-4", "Re: tree", "<r4@x>", None, "<r1@x> <r2@x> <r3@x>", 83),
    # subjects that are nothing
    ("none", None, "<z1@x>", None, None, 90),
    ("empty", "", "<z2@x>", None, None, 91),
    ("only-re", "Re:", "<z3@x>", None, None, 92),
    ("only-blob", "[list]", "<z4@x>", None, None, 93),
    ("re-brackets", "Re[2]: plain", "<z5@x>", None, None, 94),
    ("re-blob", "Re [3]: plain", "<z6@x>", None, None, 95),
    ("aw", "AW: plain", "<z7@x>", None, None, 96),
    # same moment
    ("same-1", "same moment", "<e1@x>", None, None, 100),
    ("same-2", "Re: same moment", "<e2@x>", "<e1@x>", None, 100),
    ("same-3", "Re: same moment", "<e3@x>", "<e1@x>", None, 100),
)


def conversations() -> list[Sent]:
    """The messages in order of arrival."""
    return [
        Sent(
            f"conversation/{row[0]}",
            "",
            f"02-Feb-2026 {12 + number // 60:02}:{number % 60:02}:00 +0000",
            _message(row),
        )
        for number, row in enumerate(_ROWS)
    ]


def _message(row: tuple[str, str | None, str | None, str | None, str | None, int]) -> bytes:
    _, subject, message_id, reply_to, references, minutes = row
    fields = {
        "From": f"Writer {minutes % 7} <writer@example.org>",
        "Date": f"Mon, 02 Feb 2026 {minutes // 60:02}:{minutes % 60:02}:00 +0000",
        "Subject": subject,
        "Message-ID": message_id,
        "In-Reply-To": reply_to,
        "References": references,
    }
    header = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    return f"{header}\r\nText.\r\n".encode()
