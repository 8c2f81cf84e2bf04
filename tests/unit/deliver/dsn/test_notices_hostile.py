"""Notices about hostile messages, addresses and answers: well-formed, 7-bit, bounded, nothing of a stranger's among
their own header fields."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from notice_parts import desk, groups, parsed, queued, told_of

from posthouse.deliver.contract import NoticeKind
from posthouse.deliver.dsn.read import read_bounce
from posthouse.deliver.results import Said

OWN_FIELDS = {
    "Date",
    "From",
    "To",
    "Subject",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
}

texts = st.text(max_size=300) | st.sampled_from(
    [
        "x\r\nBcc: all@x.test",
        "\r\n\r\n--=_",
        "a" * 5000,
        "=?utf-8?q?x?=",
        "é" * 700,
        "{address} %s {0}",
        "\udc80\x00\x1b[2J",
    ]
)
kinds: st.SearchStrategy[NoticeKind] = st.sampled_from(
    ("failed", "delayed", "delivered", "relayed", "expanded")
)
originals = st.one_of(
    st.binary(max_size=2000),
    st.builds(
        lambda subject, ident, rest: (
            b"Subject: " + subject + b"\r\nMessage-ID: " + ident + b"\r\n\r\n" + rest
        ),
        st.binary(max_size=300),
        st.binary(max_size=300) | st.just(b"<a@b>\r\n injected@x>") | st.just(b"<ok@example.org>"),
        st.binary(max_size=300),
    ),
    st.sampled_from(
        [
            b"",
            b"\r\n",
            b"Subject: " + b"x" * 100_000,
            b"X: y\r\n" * 12_000,
            b"Subject: a\rBcc: b\r\n\r\n",
            b"Subject: =?utf-8?b?DQpCY2M6IGFsbEB4LnRlc3Q=?=\r\n\r\n",
        ]
    ),
)


@given(
    original=originals,
    subjects=st.lists(st.tuples(kinds, texts, texts, texts), min_size=1, max_size=3),
    ret=st.sampled_from(("", "FULL", "HDRS")),
    language=st.sampled_from(("en", "de")),
    smtputf8=st.booleans(),
    envid=texts,
    code=st.sampled_from((0, 250, 450, 550, 554)),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_notices_are_well_formed(
    original: bytes,
    subjects: list[tuple[NoticeKind, str, str, str]],
    ret: str,
    language: str,
    smtputf8: bool,
    envid: str,
    code: int,
) -> None:
    message = queued(ret=ret, smtputf8=smtputf8, envid=envid)
    told = [
        told_of(
            message,
            kind,
            Said(code, status[:10], words, remote, remote[:40]),
            recipient=f"{words[:60]}@there.test",
            orcpt=f"rfc822;{remote}",
            notify="SUCCESS,FAILURE,DELAY",
        )
        for kind, words, remote, status in subjects
    ]
    notice = asyncio.run(desk({"notices.language": language}).compose(message, told, original))
    assert notice is not None
    content = notice.content
    assert len(content) < 400_000
    assert content.isascii() or notice.message.body_type == "8BITMIME"
    assert b"\0" not in content
    lines = content.split(b"\r\n")
    assert all(b"\r" not in line and b"\n" not in line and len(line) <= 998 for line in lines)
    found = parsed(content)
    names = found.keys()
    assert set(names) <= OWN_FIELDS
    assert len(names) == len(set(names))
    assert found["To"] == "anna@example.org"
    parts = list(found.iter_parts())
    assert 2 <= len(parts) <= 3
    assert parts[0].get_content_type() == "text/plain"
    if parts[1].get_content_type() == "message/delivery-status":
        report = groups(found)
        assert len(report) == 1 + len(told)
        for (kind, *_), group in zip(subjects, report[1:], strict=True):
            assert group["Action"] == kind
            assert set(group) <= {
                "Original-Recipient",
                "Final-Recipient",
                "Action",
                "Status",
                "Remote-MTA",
                "Diagnostic-Code",
                "Last-Attempt-Date",
                "Will-Retry-Until",
                "Final-Log-ID",
            }
    assert len(read_bounce(content)) == len(told)


@given(st.binary(max_size=5000))
@settings(max_examples=300, deadline=None)
def test_reading_anything(data: bytes) -> None:
    read_bounce(data)
    head = b"From: MAILER-DAEMON@x\r\nSubject: failure notice\r\n"
    read_bounce(head + b"\r\n" + data)
    head += b'Content-Type: multipart/report; boundary="b"\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n'
    read_bounce(head + data)
