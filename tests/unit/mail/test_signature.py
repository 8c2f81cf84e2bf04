"""Signatures in messages of every shape; Python's own parser is the judge of what comes out."""

from __future__ import annotations

import email
import email.policy
import itertools
from base64 import b64encode
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.mail import mime
from posthouse.mail.signature import edits, growth, pieces
from posthouse.mail.signature_parts import is_reply, left_alone
from posthouse.mail.signature_words import Signature, fill, joined, to_html, to_plain

PLAIN = Signature("-- \nAnna Müller\nSchöne Grüße – 東京")
ASCII = Signature("-- \nAnna")


def signed(message: bytes, signature: Signature = PLAIN) -> bytes:
    found = edits(message, signature)
    made = b"".join(pieces(message, found))
    assert len(made) == len(message) + growth(found)
    assert all(len(line) <= 998 for line in made.split(b"\r\n"))
    return made


def read(message: bytes) -> EmailMessage:
    found = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return found


def text(part: Any) -> str:
    content = part.get_payload(decode=True).decode(part.get_content_charset("ascii"))
    assert isinstance(content, str)
    return content


def simple(body: bytes, *fields: str) -> bytes:
    head = ["From: anna@example.org", "Subject: x", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


# ---------------------------------------------------------------- one text


def test_ascii_goes_below_ascii_text_and_nothing_else_changes() -> None:
    before = simple(b"Hello\r\n")
    assert signed(before, ASCII) == before + b"\r\n-- \r\nAnna\r\n"


def test_text_without_a_last_line_end_gets_one() -> None:
    assert signed(simple(b"Hello"), ASCII).endswith(b"Hello\r\n\r\n-- \r\nAnna\r\n")


@pytest.mark.parametrize("message", [simple(b""), simple(b"")[:-2], b"Subject: x\r\n", b"Subject: x", b""])
def test_a_message_without_text_gets_the_signature_as_its_text(message: bytes) -> None:
    made = signed(message)
    assert text(read(made)) == "-- \r\nAnna Müller\r\nSchöne Grüße – 東京\r\n"
    assert read(made)["subject"] == read(message)["subject"]


@pytest.mark.parametrize(
    "charset", ["us-ascii", "", "iso-8859-1", "windows-1252", "koi8-r", "iso-2022-jp", "gb2312"]
)
@pytest.mark.parametrize("encoding", ["", "7bit", "8bit", "quoted-printable", "base64"])
def test_any_charset_and_encoding_ends_with_the_whole_signature(charset: str, encoding: str) -> None:
    words = {"koi8-r": "Привет", "iso-2022-jp": "日本語", "gb2312": "你好", "iso-8859-1": "Grüß"}.get(
        charset, "Hello"
    )
    body = words.encode(charset or "ascii") + b"\r\n"
    if encoding == "base64":
        body = b64encode(body) + b"\r\n"
    elif encoding == "quoted-printable":
        body = b"".join(b"=%02X" % each for each in body[:-2]) + b"\r\n"
    typed = f"Content-Type: text/plain; charset={charset}" if charset else "Content-Type: text/plain"
    fields = ["MIME-Version: 1.0", typed, *([f"Content-Transfer-Encoding: {encoding}"] if encoding else [])]
    found = read(signed(simple(body, *fields)))
    assert text(found) == f"{words}\r\n\r\n-- \r\nAnna Müller\r\nSchöne Grüße – 東京\r\n"
    assert found["mime-version"] == "1.0"
    assert found["subject"] == "x"


def test_latin_1_that_holds_the_signature_stays_latin_1() -> None:
    before = simple(
        "Grüß Gott\r\n".encode("latin-1"),
        "Content-Type: text/plain; charset=iso-8859-1",
        "Content-Transfer-Encoding: 8bit",
    )
    assert signed(before, Signature("Müller")) == before + "\r\nMüller\r\n".encode("latin-1")


def test_what_is_7bit_stays_so() -> None:
    made = signed(
        simple(b"Hello\r\n", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 7bit")
    )
    assert made.isascii()
    assert "quoted-printable" in read(made)["content-transfer-encoding"].lower()


def test_text_that_is_not_what_it_says_keeps_its_bytes() -> None:
    broken = b"caf\xe9 \xff\xfe\r\n"
    made = signed(
        simple(broken, "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit")
    )
    assert b"caf\xe9 \xff\xfe\r\n" in made
    assert made.endswith("Schöne Grüße – 東京\r\n".encode())


def test_soft_line_break_at_the_end_does_not_swallow_the_signature() -> None:
    for body in (b"Hello=\r\n", b"Hello=", b"Hello =20\r\n", b"Hello\r\n=\r\n"):
        found = read(
            signed(simple(body, "MIME-Version: 1.0", "Content-Transfer-Encoding: quoted-printable"), ASCII)
        )
        assert text(found).startswith("Hello")
        assert "\r\n-- \r\nAnna\r\n" in text(found)


def test_flowed_text_stays_flowed_and_no_line_joins_the_next() -> None:
    made = read(
        signed(
            simple(
                b"Hello \r\nworld\r\n", "Content-Type: text/plain; format=flowed; delsp=yes; charset=utf-8"
            ),
            Signature("-- \nAnna  \n > quoted\nFrom here\n>x"),
        )
    )
    assert text(made).endswith("\r\n-- \r\nAnna\r\n  > quoted\r\n From here\r\n >x\r\n")
    assert made.get_param("format") == "flowed"


def test_flowed_text_in_a_new_charset_keeps_its_parameters() -> None:
    made = read(
        signed(simple(b"Hi\r\n", 'Content-Type: text/plain; format=flowed; x-y="a b;c"; charset=us-ascii'))
    )
    assert (made.get_param("format"), made.get_param("x-y"), made.get_content_charset()) == (
        "flowed",
        "a b;c",
        "utf-8",
    )


def test_utf_16_becomes_utf_8() -> None:
    body = b64encode("Grüße\r\n".encode("utf-16")) + b"\r\n"
    fields = (
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-16",
        "Content-Transfer-Encoding: base64",
    )
    assert text(read(signed(simple(body, *fields)))).startswith("Grüße\r\n\r\n-- \r\n")


def test_long_lines_are_never_made() -> None:
    made = signed(simple(b"Hi\r\n"), Signature("word " * 2000))
    assert text(read(made)).count("word") == 2000
    html = simple(b"<p>Hi</p>", "Content-Type: text/html")
    assert text(read(signed(html, Signature("", "<b>word</b> " * 2000)))).count("word") == 2000
    long = simple(b"<p>" + b"x" * 990 + b"</p>\r\n", "Content-Type: text/html")
    assert "Anna" in text(read(signed(long)))


# ---------------------------------------------------------------- HTML


def html(body: str) -> bytes:
    return simple(body.encode(), "MIME-Version: 1.0", "Content-Type: text/html; charset=utf-8")


def test_html_goes_before_the_end_of_the_body() -> None:
    made = signed(html("<html><BODY><p>Hi</p></BODY></html>\r\n"), Signature("", "<i>Anna &amp; Co</i>"))
    assert b"<p>Hi</p>\r\n<i>Anna &amp; Co</i>\r\n</BODY></html>\r\n" in made


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>Hi</p>", "<p>Hi</p>\r\nSIG\r\n"),
        ("<html><p>Hi</html>", "<html><p>Hi\r\nSIG\r\n</html>"),
        ("<body>Hi</body><!-- </body> -->", "<body>Hi\r\nSIG\r\n</body><!-- </body> -->"),
        ("<body>Hi<!-- </body>", "<body>Hi\r\nSIG\r\n<!-- </body>"),
        ("<script>'</body>'</script>Hi", "<script>'</body>'</script>Hi\r\nSIG\r\n"),
        ("Hi<script>x", "Hi\r\nSIG\r\n<script>x"),
        ("Hi <a href='", "Hi \r\nSIG\r\n<a href='"),
        ("1 < 2", "1 < 2\r\nSIG\r\n"),
        ("<body>a</body><body>b</body>", "<body>a</body><body>b\r\nSIG\r\n</body>"),
        ("", "\r\nSIG\r\n"),
    ],
)
def test_html_that_is_not_what_it_should_be(source: str, expected: str) -> None:
    assert text(read(signed(html(source), Signature("", "SIG")))) == expected


def test_html_in_a_small_charset_has_references() -> None:
    before = simple(b"<p>Hi</p>\r\n", "Content-Type: text/html; charset=us-ascii")
    made = signed(before)
    assert made.isascii()
    assert b"Sch&#246;ne Gr&#252;&#223;e &#8211; &#26481;&#20140;" in made
    assert made.startswith(before)


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_html_in_an_encoding(encoding: str) -> None:
    code = b64encode(b"<body>Hi =</body>") if encoding == "base64" else b"<body>Hi =3D</bo=\r\ndy>"
    fields = (
        "MIME-Version: 1.0",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Transfer-Encoding: {encoding}",
    )
    assert text(read(signed(simple(code, *fields), Signature("", "SIG")))) == "<body>Hi =\r\nSIG\r\n</body>"


def test_each_form_is_made_from_the_other() -> None:
    assert to_html("Anna <a@b> & Co\nBonn") == "Anna &lt;a@b&gt; &amp; Co<br>\r\nBonn"
    assert (
        to_plain("<p>Anna&nbsp;M &amp; Co</p>\n<p>Bonn<br>am Rhein</p><style>x</style>")
        == "Anna M & Co\nBonn\nam Rhein"
    )
    assert (to_html(" \n"), to_plain("")) == ("", "")
    assert "Anna &lt;a@b&gt;" in text(read(signed(html("<p>Hi</p>"), Signature("Anna <a@b>"))))
    assert (
        text(read(signed(simple(b"Hi\r\n"), Signature("", "<b>Anna</b><br>Bonn"))))
        == "Hi\r\n\r\nAnna\r\nBonn\r\n"
    )


# ---------------------------------------------------------------- several parts


def many() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["Subject"] = "anna@example.org", "x"
    message.set_content("Hello\n")
    message.add_alternative("<html><body><p>Hello</p></body></html>\n", subtype="html")
    return message


def raw(message: EmailMessage) -> bytes:
    return message.as_bytes(policy=email.policy.SMTP)


def test_both_alternatives_are_signed() -> None:
    made = read(signed(raw(many())))
    plain, rich = made.iter_parts()
    assert "Anna Müller" in text(plain)
    assert "Anna M" in text(rich)


def test_attachments_stay_byte_for_byte() -> None:
    message = many()
    message.add_attachment("a text\n", filename="note.txt")
    message.add_attachment("<p>page</p>\n", subtype="html", filename="page.html")
    message.add_attachment(
        bytes(range(256)) * 40, maintype="application", subtype="octet-stream", filename="x.bin"
    )
    message.add_attachment(many())
    before = raw(message)
    after = read(signed(before))
    old, new = list(read(before).iter_parts()), list(after.iter_parts())
    assert [each.as_bytes() for each in old[1:]] == [each.as_bytes() for each in new[1:]]
    assert old[0].as_bytes() != new[0].as_bytes()
    assert after.as_bytes().count(b"M=C3=BCller") == 1


def test_related_pictures_belong_to_the_page_that_is_signed() -> None:
    message = many()
    page = message.get_payload()[1]  # type: ignore[index]
    page.add_related(b"\x89PNG", "image", "png", cid="<a@b>")  # type: ignore[union-attr]
    made = read(signed(raw(message)))
    assert text(made.get_body(("plain",))).count("Anna") == 1
    assert text(made.get_body(("html",))).count("Anna") == 1


def test_the_start_of_a_related_part_may_stand_last() -> None:
    message = simple(
        b"--b\r\nContent-Type: text/html\r\nContent-ID: <one>\r\n\r\nframe\r\n"
        b"--b\r\nContent-Type: text/html\r\nContent-ID: <two>\r\n\r\nroot\r\n--b--\r\n",
        "MIME-Version: 1.0",
        'Content-Type: multipart/related; boundary=b; start="<two>"',
    )
    first, second = read(signed(message)).iter_parts()
    assert text(first) == "frame"
    assert "Anna" in text(second)


def test_a_child_without_any_header_is_text() -> None:
    message = simple(
        b"--b\r\n\r\nHello\r\n--b--\r\n", "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b"
    )
    (only,) = read(signed(message)).iter_parts()
    assert text(only).startswith("Hello\r\n\r\n-- \r\nAnna Müller")


@pytest.mark.parametrize(
    "field",
    [
        "Content-Type: multipart/signed; boundary=b; protocol=application/pgp-signature",
        "Content-Type: multipart/encrypted; boundary=b",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
        "Content-Type: application/pkcs7-mime; smime-type=signed-data",
        "Content-Type: application/x-pkcs7-mime",
        "Content-Type: text/calendar; method=REPLY",
        "Auto-Submitted: auto-replied (vacation)",
        "Resent-From: bert@example.org",
        "DKIM-Signature: v=1; d=example.org",
    ],
)
def test_what_is_left_alone(field: str) -> None:
    inner = simple(b"--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b--\r\n", "MIME-Version: 1.0", field)
    assert signed(inner) == inner
    outer = (
        b"Subject: x\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nHi\r\n--o\r\n"
        + field.encode()
        + b"\r\n\r\n--b\r\n\r\nHello\r\n--b--\r\n--o--\r\n"
    )
    assert (signed(outer) == outer) == field.startswith("Content-Type")
    assert left_alone(inner, mime.scan(inner))


def test_pgp_text_is_left_alone_in_any_encoding() -> None:
    pgp = b"Hi\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA512\r\n\r\nHello\r\n"
    for message in (
        simple(pgp),
        simple(b64encode(pgp), "Content-Transfer-Encoding: base64"),
        simple(b"--b\r\n\r\n" + pgp + b"\r\n--b--", "Content-Type: multipart/mixed; boundary=b"),
    ):
        assert signed(message) == message


def test_invitations_are_signed_but_answers_are_not() -> None:
    def invitation(method: str) -> bytes:
        return simple(
            b"--b\r\n\r\nHello\r\n--b\r\nContent-Type: text/calendar; method="
            + method.encode()
            + b"\r\n\r\nBEGIN:\r\n--b--\r\n",
            "MIME-Version: 1.0",
            "Content-Type: multipart/alternative; boundary=b",
        )

    assert signed(invitation("REPLY")) == invitation("REPLY")
    first, second = read(signed(invitation("REQUEST"))).iter_parts()
    assert "Anna" in text(first)
    assert text(second) == "BEGIN:"


def test_depth_and_size_have_an_end() -> None:
    deep = b"Hello"
    for level in range(200):
        deep = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n%s\r\n--b%d--\r\n" % (
            level,
            level,
            deep,
            level,
        )
    assert signed(deep) == deep
    wide = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 5000
    assert "Anna" in text(next(read(signed(wide) + b"--b--\r\n").iter_parts()))
    huge = simple(b"x" * 70 + b"\r\n" + b"line\r\n" * 1_500_000)
    assert signed(huge) == huge


def test_replies_are_known_by_their_fields() -> None:
    assert is_reply(simple(b"", "In-Reply-To: <a@b>"))
    assert is_reply(simple(b"", "REFERENCES:", " <a@b>"))
    assert not is_reply(simple(b"", "In-Reply-To: "))
    assert not is_reply(simple(b"In-Reply-To: <a@b>"))


# ---------------------------------------------------------------- words


def test_variables_are_filled_once_and_escaped() -> None:
    names = {"user.firstname": "A<b>", "user.lastname": "%User.Address%", "user.address": "a@b"}
    assert fill("%user.FIRSTNAME% %User.LastName% %User.Address% %Date% 100%", names) == (
        "A<b> %User.Address% a@b %Date% 100%"
    )
    assert Signature("", "%User.FirstName%").filled(names).html == "A&lt;b&gt;"


def test_joined_signatures_keep_both_forms() -> None:
    both = joined([Signature("a & b"), Signature(), Signature("", "<b>c</b>")])
    assert both == Signature("a & b\n\nc", "a &amp; b<br>\r\n<b>c</b>")
    assert joined([]).empty


# ---------------------------------------------------------------- anything


_LINES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=80)
_TEXTS = st.lists(_LINES, max_size=6).map("\r\n".join)


@st.composite
def messages(draw: st.DrawFn, depth: int = 0) -> EmailMessage:
    part = EmailMessage()
    shape = (
        draw(st.sampled_from(["plain", "html", "mixed", "alternative", "related"])) if depth < 3 else "plain"
    )
    if shape in ("plain", "html"):
        content = draw(_TEXTS)
        charset = draw(st.sampled_from(["utf-8", "iso-2022-jp", "gb18030"]))
        encoding = draw(st.sampled_from(["quoted-printable", "base64"]))
        part.set_content(
            content.encode(charset, "replace").decode(charset), subtype=shape, charset=charset, cte=encoding
        )
        return part
    for child in draw(st.lists(messages(depth + 1), min_size=1, max_size=3)):
        part.attach(child) if part.is_multipart() else _first(part, shape, child)
    return part


def _first(part: EmailMessage, shape: str, child: EmailMessage) -> None:
    getattr(part, f"make_{shape}")()
    part.set_payload([child])


@settings(max_examples=150, deadline=None)
@given(messages(), st.builds(Signature, _TEXTS, _TEXTS))
def test_whatever_is_signed_can_be_read_and_keeps_its_texts(
    message: EmailMessage, signature: Signature
) -> None:
    before = message.as_bytes(policy=email.policy.SMTP)
    found = edits(before, signature)
    after = b"".join(pieces(before, found))
    old = [each for each in read(before).walk() if not each.is_multipart()]
    new = [each for each in read(after).walk() if not each.is_multipart()]
    assert [each.get_content_type() for each in old] == [each.get_content_type() for each in new]
    changed = 0
    for one, other in zip(old, new, strict=True):
        was, now = text(one), text(other)
        if was != now:
            changed += 1
            assert len(now) >= len(was)
            assert one.get_content_type() == "text/html" or now.startswith(was.rstrip("\r\n"))
    assert bool(found) == bool(changed)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                b"Content-Type: multipart/mixed; boundary=b\r\n",
                b"Content-Type: text/html; charset=utf-16\r\n",
                b"Content-Type: text/plain; charset=hz; format=flowed\r\n",
                b"\r\n",
                b"--b\r\n",
                b"--b--\r\n",
                b"\xff\xfe",
                b"Content-Transfer-Encoding: base64\r\n",
                b"Content-Transfer-Encoding: quoted-printable\r\n",
                b"=",
                b"</body>",
                b"<!--",
                b"text ",
                b"Content-Transfer-Encoding: x-odd\r\n",
                b"Content-Type: multipart/alternative;\r\n",
                b"\n",
                b"\r",
            ]
        )
        | st.binary(max_size=12),
        max_size=40,
    ).map(b"".join)
)
def test_no_bytes_break_it(message: bytes) -> None:
    found = edits(message, PLAIN)
    made = b"".join(pieces(message, found))
    assert len(made) == len(message) + growth(found)
    for edit, after in itertools.pairwise(found):
        assert edit.start <= edit.end <= after.start
    kept = b"".join(message[a.end : b.start] for a, b in itertools.pairwise(found))
    assert kept in message
