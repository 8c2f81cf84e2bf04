"""Makes the messages of ``generated/``: hostile and odd shapes that real mail and other test suites seldom show.

    python tests/corpus/generate.py          # writes the folder anew
    python tests/corpus/generate.py --check  # fails if the folder is not what would be written

The seed is fixed, so that the folder changes only when this file does.
"""

# ruff: noqa: E501, B023

from __future__ import annotations

import base64
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

SEED = 20261
FOLDER = Path(__file__).parent / "generated"
CRLF = b"\r\n"

Messages = Iterator[tuple[str, bytes]]
FAMILIES: list[Callable[[random.Random], Messages]] = []


def family(make: Callable[[random.Random], Messages]) -> Callable[[random.Random], Messages]:
    """Register a function that yields (name, message)."""
    FAMILIES.append(make)
    return make


def lines(*parts: bytes) -> bytes:
    """The parts as CRLF lines."""
    return CRLF.join(parts) + CRLF


def head(subject: str, *more: bytes) -> bytes:
    """A plausible header, ending in its blank line."""
    return lines(
        b"From: Odd Sender <odd@example.org>",
        b"To: reader@example.com",
        b"Subject: " + subject.encode(),
        b"Date: Tue, 03 Feb 2026 04:05:06 +0100",
        b"Message-ID: <" + subject.replace(" ", ".").encode() + b"@example.org>",
        b"MIME-Version: 1.0",
        *more,
        b"",
    )


def words(rng: random.Random, count: int) -> bytes:
    """Plain text in lines of ten words."""
    some = b"letter stamp post office road mail rider inn horse seal parcel wagon".split()
    chosen = [rng.choice(some) for _ in range(count)]
    return CRLF.join(b" ".join(chosen[at : at + 10]) for at in range(0, count, 10)) + CRLF


def multipart(boundary: bytes, *parts: bytes, close: bool = True) -> bytes:
    """Parts between boundary lines; each part brings its own header and blank line."""
    body = b"".join(b"--" + boundary + CRLF + part + CRLF for part in parts)
    return body + (b"--" + boundary + b"--" + CRLF if close else b"")


TEXT = b"Content-Type: text/plain\r\n\r\nsome text"
HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>some <b>text</b></p>"


@family
def nesting(rng: random.Random) -> Messages:
    for depth in (1, 2, 3, 7, 20, 40):
        body = TEXT
        for level in range(depth):
            boundary = b"level%d." % level
            body = b'Content-Type: multipart/mixed; boundary="%b"\r\n\r\n%b' % (
                boundary,
                multipart(boundary, body, HTML),
            )
        yield f"nested-{depth}", head(f"nested {depth}").removesuffix(CRLF) + body
    body = TEXT
    for _ in range(6):
        body = b"Content-Type: multipart/mixed; boundary=same\r\n\r\n" + multipart(b"same", body)
    yield "nested-same-boundary", head("nested same boundary").removesuffix(CRLF) + body
    for name, outer, inner in (
        ("prefix-inner-longer", b"abc", b"abcdef"),
        ("prefix-inner-shorter", b"abcdef", b"abc"),
        ("prefix-inner-dashes", b"abc", b"abc--"),
        ("prefix-outer-dashes", b"abc--", b"abc"),
        ("prefix-inner-dash", b"abc", b"abc-x"),
    ):
        nested = b'Content-Type: multipart/alternative; boundary="%b"\r\n\r\n' % inner
        nested += multipart(inner, TEXT, HTML)
        yield (
            name,
            head(name, b'Content-Type: multipart/mixed; boundary="%b"' % outer)
            + multipart(outer, nested, TEXT),
        )


@family
def boundaries(rng: random.Random) -> Messages:
    mixed = b"Content-Type: multipart/mixed; boundary=bb"
    cases = {
        "unterminated": multipart(b"bb", TEXT, HTML, close=False),
        "unterminated-no-newline": multipart(b"bb", TEXT, HTML, close=False).rstrip(),
        "never-begun": words(rng, 30),
        "only-closed": b"--bb--" + CRLF,
        "only-closed-no-newline": b"--bb--",
        "closed-first": b"--bb--" + CRLF + multipart(b"bb", TEXT),
        "twice-closed": multipart(b"bb", TEXT) + b"--bb--" + CRLF,
        "reopened": multipart(b"bb", TEXT) + multipart(b"bb", HTML),
        "preamble": b"preamble" + CRLF + multipart(b"bb", TEXT),
        "epilogue": multipart(b"bb", TEXT) + b"epilogue" + CRLF + words(rng, 12),
        "epilogue-dashes": multipart(b"bb", TEXT) + b"--" + CRLF + b"--b" + CRLF,
        "empty-parts": b"--bb\r\n--bb\r\n\r\n--bb\r\n\r\n\r\n--bb--\r\n",
        "empty-last": b"--bb\r\n\r\n--bb--",
        "trailing-blanks": b"--bb  \t\r\n\r\nx\r\n--bb-- \r\n",
        "trailing-junk": b"--bbjunk\r\n\r\nx\r\n--bb--junk\r\n",
        "leading-blank": b" --bb\r\n\r\nx\r\n --bb--\r\n",
        "inside-line": b"x --bb\r\n--bb\r\n\r\nsee --bb here\r\n--bb--\r\n",
        "no-blank-line": b"--bb\r\nContent-Type: text/html\r\n--bb\r\nX: y\r\n--bb--\r\n",
        "header-cut": b"--bb\r\nContent-Type: text/html;\r\n--bb\r\n\r\nx\r\n--bb--\r\n",
        "body-without-header": b"--bb\r\nno header here at all\r\n--bb--\r\n",
        "extra-blank-lines": b"--bb\r\n\r\n\r\n\r\nx\r\n\r\n\r\n--bb--\r\n",
        "single-dash": b"-bb\r\n\r\nx\r\n-bb--\r\n",
        "many-parts": multipart(b"bb", *[TEXT] * 60),
        "wrong-case": multipart(b"BB", TEXT),
        "cr-only": multipart(b"bb", TEXT).replace(b"\r\nsome", b"\rsome"),
    }
    for name, body in cases.items():
        yield f"boundary-{name}", head(f"boundary {name}", mixed) + body
    for name, field in {
        "empty": b'boundary=""',
        "none": b"charset=utf-8",
        "blank": b'boundary=" "',
        "spaces": b'boundary="b b"',
        "trailing-space": b'boundary="bb "',
        "unquoted-special": b"boundary=b=b:b",
        "equals": b"boundary=b=b",
        "escaped": b'boundary="b\\b"',
        "long": b'boundary="' + b"b" * 100 + b'"',
        "parenthesis": b'boundary="b(b)b"',
        "twice": b"boundary=xx; boundary=bb",
        "continued": b"boundary*0=b; boundary*1=b",
        "extended": b"boundary*=us-ascii'en'bb",
        "upper-name": b"BOUNDARY=bb",
        "unterminated-quote": b'boundary="bb',
    }.items():
        value = {"spaces": b"b b", "equals": b"b=b", "long": b"b" * 100, "parenthesis": b"b(b)b"}.get(
            name, b"bb"
        )
        if name == "unquoted-special":
            value = b"b=b:b"
        yield (
            f"parameter-{name}",
            head(f"parameter {name}", b"Content-Type: multipart/mixed; " + field)
            + multipart(value, TEXT, HTML),
        )


@family
def content_types(rng: random.Random) -> Messages:
    fields = {
        "missing-subtype": b"Content-Type: text",
        "slash-only": b"Content-Type: /",
        "empty": b"Content-Type:",
        "blank": b"Content-Type:   ",
        "no-semicolon": b"Content-Type: text/html charset=utf-8",
        "three-parts": b"Content-Type: text/html/xml; charset=utf-8",
        "semicolons": b"Content-Type: text/html;; ; charset=utf-8;",
        "no-value": b"Content-Type: text/html; charset",
        "empty-value": b"Content-Type: text/html; charset=",
        "comment": b"Content-Type: text/html (comment; charset=x); charset=(c)utf-8(d)",
        "nested-comment": b"Content-Type: (a(b)c)text/(\\))html; charset=utf-8",
        "open-comment": b"Content-Type: text/html; charset=utf-8 (open",
        "folded": b"Content-Type: text/html;\r\n\tcharset=utf-8;\r\n  format=flowed",
        "folded-mid-token": b"Content-Type: text/ht\r\n ml; charset=utf-8",
        "spaces": b"Content-Type: text / html ; charset = utf-8",
        "quoted": b'Content-Type: text/plain; name="a \\"b\\" \\\\ c"; x=""',
        "quoted-semicolon": b'Content-Type: text/plain; name="a;b=c"; charset=utf-8',
        "quoted-junk": b'Content-Type: text/plain; name="a"junk; charset=utf-8',
        "upper": b"CONTENT-TYPE: TEXT/PLAIN; CHARSET=UTF-8",
        "duplicate": b"Content-Type: text/html\r\nContent-Type: text/plain",
        "duplicate-parameter": b"Content-Type: text/plain; charset=a; charset=b",
        "8bit": b'Content-Type: text/plain; name="\xfcml\xe4ut"',
        "utf8": 'Content-Type: text/plain; name="ümläut.txt"'.encode(),
        "unknown-type": b"Content-Type: whatever/x-odd; a=b",
        "text-odd": b"Content-Type: text/x-odd",
        "multipart-odd": b"Content-Type: multipart/x-odd; boundary=bb",
        "many-parameters": b"Content-Type: text/plain"
        + b"".join(b";\r\n p%d=v%d" % (n, n) for n in range(40)),
        "long-parameter": b'Content-Type: text/plain; name="' + b"n" * 1500 + b'"',
        "tab-separated": b"Content-Type:\ttext/plain;\tcharset=utf-8",
        "space-before-colon": b"Content-Type : text/html",
        "at-sign": b"Content-Type: text/plain; name=a@b.txt",
        "colon-value": b"Content-Type: text/plain; name=a:b/c",
    }
    for name, field in fields.items():
        yield f"type-{name}", head(f"type {name}", field) + words(rng, 15)


@family
def rfc2231(rng: random.Random) -> Messages:
    for name, value in {
        "extended": b"filename*=utf-8''%e2%82%ac%20rates.txt",
        "language": b"filename*=iso-8859-1'en'%a3%20rates",
        "continued": b'filename*0="long "; filename*1="name"; filename*2=.txt',
        "continued-extended": b"filename*0*=utf-8''%e2%82; filename*1*=%ac; filename*2=.txt",
        "continued-mixed": b"filename*0=plain; filename*1*=%20x",
        "out-of-order": b"filename*1=b; filename*0=a; filename*2=c",
        "gap": b"filename*0=a; filename*2=c",
        "no-zero": b"filename*1=a; filename*2=b",
        "both": b"filename=plain.txt; filename*=utf-8''ext.txt",
        "bad-percent": b"filename*=utf-8''%zz%4",
        "no-charset": b"filename*=nothing",
        "one-quote": b"filename*=utf-8'x",
        "unknown-charset": b"filename*=x-klingon''%aa",
        "leading-zero": b"filename*00=a; filename*01=b",
        "star-only": b"filename**=x; *=y",
        "encoded-word": b'filename="=?utf-8?q?f=C3=BC.txt?="',
        "special-in-plain-piece": b"filename*0*=utf-8''a; filename*1=\"b c%d\"",
    }.items():
        part = b"Content-Type: text/plain\r\nContent-Disposition: attachment; " + value + b"\r\n\r\nx"
        yield (
            f"rfc2231-{name}",
            head(f"rfc2231 {name}", b"Content-Type: multipart/mixed; boundary=bb")
            + multipart(b"bb", TEXT, part),
        )


@family
def dispositions(rng: random.Random) -> Messages:
    for name, field in {
        "plain": b"Content-Disposition: attachment",
        "upper": b"Content-Disposition: ATTACHMENT; FileName=X",
        "empty": b"Content-Disposition:",
        "only-parameters": b"Content-Disposition: ; filename=x",
        "quoted": b'Content-Disposition: "attachment"; filename=x',
        "dates": b'Content-Disposition: inline; creation-date="Wed, 12 Feb 1997 16:29:51 -0500"; size=10',
        "language": b"Content-Language: en, de-AT (German), x\r\nContent-Location: http://example.org/\r\n a.html",
        "language-bad": b"Content-Language: en de; fr",
        "md5": b"Content-MD5:  Q2hlY2sgSW50ZWdyaXR5IQ==  ",
        "ids": b"Content-ID: <a@b>\r\nContent-ID: <c@d>\r\nContent-Description: first\r\nContent-Description: second",
        "description": b'Content-Description: a "quoted" \\ thing\r\n\twith a fold',
        "description-8bit": b"Content-Description: \xe4\xf6\xfc",
        "encoding-odd": b"Content-Transfer-Encoding: x-uuencode",
        "encoding-words": b"Content-Transfer-Encoding: 8 bit",
        "encoding-comment": b"Content-Transfer-Encoding: (no) base64 (yes)",
        "encoding-upper": b"Content-Transfer-Encoding: BASE64",
        "encoding-empty": b"Content-Transfer-Encoding:",
        "encoding-quoted": b'Content-Transfer-Encoding: "base64"',
    }.items():
        part = field + b"\r\nContent-Type: application/octet-stream\r\n\r\nQUJD"
        yield (
            f"field-{name}",
            head(f"field {name}", b"Content-Type: multipart/mixed; boundary=bb")
            + multipart(b"bb", part, TEXT),
        )


@family
def embedded(rng: random.Random) -> Messages:
    inner = head("inner message", b"Content-Type: text/plain") + words(rng, 20)
    alternative = head("inner alternative", b"Content-Type: multipart/alternative; boundary=in")
    alternative += multipart(b"in", TEXT, HTML)
    rfc822 = b"Content-Type: message/rfc822\r\n\r\n"
    mixed = b"Content-Type: multipart/mixed; boundary=bb"
    yield "embedded-plain", head("embedded plain", mixed) + multipart(b"bb", TEXT, rfc822 + inner)
    yield "embedded-root", head("embedded root").removesuffix(CRLF) + rfc822 + inner
    yield "embedded-multipart", head("embedded multipart", mixed) + multipart(b"bb", rfc822 + alternative)
    yield (
        "embedded-same-boundary",
        (
            head("embedded same boundary", mixed)
            + multipart(b"bb", rfc822 + head("inner", mixed) + multipart(b"bb", TEXT), TEXT)
        ),
    )
    yield "embedded-empty", head("embedded empty", mixed) + multipart(b"bb", rfc822, TEXT)
    yield (
        "embedded-header-only",
        head("embedded header only", mixed) + multipart(b"bb", rfc822 + b"Subject: x"),
    )
    yield "embedded-no-header", head("embedded no header", mixed) + multipart(b"bb", rfc822 + CRLF + b"text")
    yield (
        "embedded-unterminated",
        (head("embedded unterminated", mixed) + multipart(b"bb", rfc822 + alternative[:-20], close=False)),
    )
    coded = rfc822.replace(CRLF, CRLF + b"Content-Transfer-Encoding: base64" + CRLF, 1)
    coded += base64.encodebytes(inner).replace(b"\n", CRLF)
    yield "embedded-base64", head("embedded base64", mixed) + multipart(b"bb", coded)
    quoted = rfc822.replace(CRLF, CRLF + b"Content-Transfer-Encoding: quoted-printable" + CRLF, 1) + inner
    yield "embedded-quoted-printable", head("embedded quoted", mixed) + multipart(b"bb", quoted)
    utf8 = "From: Grüße <grüße@example.org>\r\nSubject: ünïcode\r\n\r\ntext ä\r\n".encode()
    yield (
        "embedded-global",
        head("embedded global", mixed)
        + multipart(b"bb", b"Content-Type: message/global\r\n\r\n" + utf8, TEXT),
    )
    digest = b"Content-Type: multipart/digest; boundary=bb"
    yield "digest", head("digest", digest) + multipart(b"bb", CRLF + inner, CRLF + inner, TEXT)
    yield "digest-odd", head("digest odd", digest) + multipart(b"bb", b"X: y\r\n\r\n" + inner, CRLF, b"")
    chain = inner
    for depth in range(12):
        chain = head(f"forward {depth}", b"Content-Type: message/rfc822") + chain
    yield "embedded-chain", chain
    yield (
        "embedded-partial",
        (head("partial", b'Content-Type: message/partial; id="a@b"; number=1; total=2') + inner),
    )
    yield (
        "embedded-external",
        (
            head("external", b'Content-Type: message/external-body; access-type=URL; URL="http://x/"')
            + b"Content-Type: image/png\r\n\r\n"
        ),
    )
    yield (
        "embedded-status",
        head("status", b"Content-Type: multipart/report; report-type=delivery-status; boundary=bb")
        + multipart(
            b"bb",
            TEXT,
            b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nAction: failed\r\n",
            rfc822 + inner,
        ),
    )


@family
def headers(rng: random.Random) -> Messages:
    body = CRLF + b"body" + CRLF
    cases = {
        "none": body,
        "no-blank-line": b"Subject: no blank line\r\nthis is no header line\r\nnor this",
        "no-final-crlf": lines(b"Subject: no final crlf", b"", b"text") + b"last line",
        "ends-in-header": b"Subject: ends in header",
        "ends-in-cr": b"Subject: ends in cr\r\n\r\ntext\r",
        "blank-first": b"\r\nSubject: too late\r\n\r\ntext\r\n",
        "fold-first": b" folded first line\r\nSubject: x\r\n" + body,
        "8bit": b"Subject: gr\xfc\xdfe aus K\xf6ln\r\nFrom: J\xf6rg <j@example.org>\r\n" + body,
        "utf8": "Subject: Grüße 日本語\r\nFrom: Jörg <jörg@bücher.example>\r\n".encode() + body,
        "control": b"Subject: a\x01b\x7fc\x1bd\r\n" + body,
        "nul": b"Subject: a\x00b\r\nTo: \x00\r\n" + body,
        "bare-cr": b"Subject: a\rb\r\nTo: a@b\r\n" + body,
        "duplicates": b"Subject: one\r\nSubject: two\r\nFrom: a@b\r\nFrom: c@d\r\nDate: x\r\nDate: y\r\nTo: \r\nTo: e@f\r\n"
        + body,
        "empty-values": b"Subject:\r\nFrom:\r\nTo:\r\nDate:\r\nMessage-ID:\r\nIn-Reply-To:\r\nSender:\r\nReply-To:\r\n"
        + body,
        "blank-values": b"Subject:  \r\nFrom: \r\n\t\r\nTo:\t\r\nDate: \r\n" + body,
        "space-before-colon": b"Subject : spaced\r\nFrom\t: a@b\r\n" + body,
        "no-space": b"Subject:tight\r\nFrom:a@b\r\nTo:<c@d>\r\n" + body,
        "blanks-in-subject": b"Subject:   many   blanks\t\there   \r\n" + body,
        "folds-in-subject": b"Subject: a\r\n b\r\n\tc\r\n  d\r\n \r\n e\r\n" + body,
        "quotes-in-subject": b'Subject: "a" \\ "b\\"" c\r\n' + body,
        "encoded": b"Subject: =?utf-8?q?=C3=A4_b?=\r\n =?utf-8?b?w7Y=?= c =?x-odd?q?d?= =?utf-8?q?bad=ZZ?=\r\n"
        + body,
        "encoded-name": b'From: =?iso-8859-1?q?J=F6rg?= <j@x>, "=?utf-8?q?no?=" <k@x>, =?utf-8?b?broken <l@x>\r\n'
        + body,
        "huge-field": b"Subject: " + b"long " * 6000 + b"\r\n" + body,
        "huge-folded": b"Subject: x" + b"\r\n folded line of a long subject" * 500 + b"\r\n" + body,
        "many-fields": b"".join(b"X-Field-%d: value %d\r\n" % (n, n) for n in range(600)) + body,
        "many-recipients": b"To: "
        + b",\r\n ".join(b"user%d@example.org" % n for n in range(400))
        + b"\r\n"
        + body,
        "many-references": b"References: "
        + b"\r\n ".join(b"<r%d@x>" % n for n in range(150))
        + b"\r\nMessage-ID: <m@x>\r\n"
        + body,
        "mbox-from": b"From someone Tue Feb  3 04:05:06 2026\r\nSubject: mbox\r\n" + body,
        "colon-first": b": no name\r\nSubject: x\r\n" + body,
        "odd-names": b"X Y: z\r\nSubject\x00: nul\r\n\xe4: umlaut\r\nSubject: x\r\n" + body,
        "lower-names": b"subject: lower\r\nfrom: a@b\r\ncontent-type: text/html\r\n" + body,
        "lf-lines": b"Subject: lf only\nFrom: a@b\n\ntext\nmore\n",
        "very-long-line": b"Subject: x\r\n\r\n" + b"y" * 20000 + CRLF,
        "nul-body": b"Subject: nul body\r\n\r\n\x00\x00text\x00\r\n",
        "sender-differs": b"From: a@b\r\nSender: c@d\r\nReply-To: e@f, g@h\r\nCc: i@j\r\nBcc: k@l\r\n" + body,
        "sender-empty-list": b"From: a@b\r\nSender: ,\r\nReply-To: ;\r\n" + body,
        "in-reply-to-words": b"In-Reply-To: Your message of Monday <a@b>\r\nReferences: junk <c@d>junk<e@f>\r\n"
        + body,
        "message-id-odd": b'Message-ID: <"a b"@[1.2.3.4]> trailing\r\n' + body,
    }
    for name, message in cases.items():
        yield f"header-{name}", message


@family
def addresses(rng: random.Random) -> Messages:
    groups = [
        b"Group: a@b, c d <e@f>;, x@y",
        b"undisclosed-recipients:;",
        b"a: b@c",
        b"g:;, h: i@j;",
        b"<@r1,@r2:u@v>",
        b"(c1) a (c2) @ (c3) b (c4)",
        b"a@b (x (nested) y)",
        b'"quoted \\" \\\\ x" <a@b>',
        b'"a b"@c, "a\\"b"@c',
        b"John Q. Public <a@b>",
        b"a@[1.2.3.4], b@[IPv6:::1]",
        b"foo, foo bar, <foo>, foo bar <baz>",
        b"<>, foo <>",
        b"<a@b, c@d",
        b"a@b>, c@d",
        b'"unterminated <a@b>, c@d',
        b"a@, @b, foo@bar@baz",
        b"a..b@c, .a@b, a@b..c, a@b.c.",
        b"x  y   z <a@b>,\r\n\tw <c@d>",
        b"=?utf-8?q?=C3=A4?= =?utf-8?q?x?= <a@b>",
        b"\xe4\xf6 <a@b>",
        "ä@ö.example".encode(),
        b"foo <a@b> bar, c@d",
        b"(only a comment)",
        b"a b c@d e",
        b"mailto:a@b",
    ]
    for number, value in enumerate(groups):
        yield (
            f"address-{number:02}",
            lines(b"From: s@example.org", b"To: " + value, b"Subject: address", b"", b"body"),
        )


@family
def dates(rng: random.Random) -> Messages:
    for number, value in enumerate(
        [
            b"Tue, 3 Feb 2026 04:05:06 +0100",
            b"3 Feb 26 04:05 EST",
            b"Tue,  3  Feb\r\n 2026 04:05:06 (comment) +0000 (UTC)",
            b"Tue, 3 Feb 2026 24:61:61 +0000",
            b"31 Feb 2026 00:00:00 +0000",
            b"Tuesday, 03-Feb-26 04:05:06 GMT",
            b"Tue Feb  3 04:05:06 2026",
            b"2026-02-03T04:05:06Z",
            b"",
            b"nonsense",
            b"3 Feb 99999 04:05:06 +0000",
            b"Thu, 1 Jan 1970 00:00:00 +1400",
        ]
    ):
        yield (
            f"date-{number:02}",
            lines(b"From: s@example.org", b"Date: " + value, b"Subject: date %d" % number, b"", b"body"),
        )


@family
def bodies(rng: random.Random) -> Messages:
    def one(encoding: bytes, body: bytes, charset: bytes = b"utf-8") -> bytes:
        return (
            head(
                "body",
                b"Content-Type: text/plain; charset=" + charset,
                b"Content-Transfer-Encoding: " + encoding,
            )
            + body
        )

    yield "base64-good", one(b"base64", base64.encodebytes(words(rng, 80)).replace(b"\n", CRLF))
    yield "base64-junk", one(b"base64", b"SGVs*bG8g\r\n d29y\tbGQ=\r\ntrailing junk!\r\n")
    yield "base64-unpadded", one(b"base64", b"SGVsbG8gd29ybGQ\r\n")
    yield "base64-pieces", one(b"base64", b"SGVsbG8=\r\nIHdvcmxk\r\n")
    yield "base64-one-char", one(b"base64", b"SGVsbG8gd29ybGQhA\r\n")
    yield "base64-empty", one(b"base64", b"")
    yield "base64-nul", one(b"base64", base64.encodebytes(b"a\0b\xff\r\n").replace(b"\n", CRLF))
    yield "qp-good", one(b"quoted-printable", b"caf=C3=A9 =\r\njoined =3D equals\r\n")
    yield "qp-bad", one(b"quoted-printable", b"a=ZZ b=4 c=\r\n= \r\nd=4a=\r\n")
    yield "qp-trailing-blanks", one(b"quoted-printable", b"line  \t\r\nnext =20\r\nlast=")
    yield "charset-unknown", one(b"8bit", b"\xe4\xf6\xfc text\r\n", b"x-klingon")
    yield "charset-empty", one(b"8bit", b"\xe4\xf6\xfc text\r\n", b"")
    yield "charset-lie", one(b"8bit", b"\xe4\xf6\xfc text\r\n", b"us-ascii")
    yield "charset-koi8", one(b"8bit", "Привет, мир\r\n".encode("koi8-r"), b"koi8-r")
    yield "charset-iso2022", one(b"7bit", "日本語のメール\r\n".encode("iso-2022-jp"), b"iso-2022-jp")
    yield "charset-big5", one(b"8bit", "郵件\r\n".encode("big5"), b"big5")
    yield "charset-utf7", one(b"7bit", b"Hi Mom +Jjo-!\r\n", b"utf-7")
    wide = base64.encodebytes("wide text\r\n".encode("utf-16-be")).replace(b"\n", CRLF)
    yield "charset-utf16", one(b"base64", wide, b"utf-16be")
    yield "binary-encoding", one(b"binary", bytes(range(1, 256)) + CRLF)
    yield "dots", one(b"7bit", b".\r\n..\r\n.leading dot\r\n")
    yield "only-newlines", one(b"7bit", CRLF * 50)
    for number in range(8):
        junk = bytes(rng.choice(b'-=:;"() \tabcxyz\r\n<>@\\/,.') for _ in range(600))
        yield (
            f"junk-{number}",
            head(f"junk {number}", b"Content-Type: multipart/mixed; boundary=a").removesuffix(CRLF)
            + junk.replace(b"\r", b"").replace(b"\n", CRLF),
        )


@family
def combined(rng: random.Random) -> Messages:
    """Random trees with random damage."""
    for number in range(24):
        boundary_names = iter(f"=_{number}.{count}" for count in range(1000))

        def tree(level: int) -> bytes:
            choice = rng.random()
            if level < 4 and choice < 0.35:
                name = next(boundary_names).encode()
                kind = rng.choice([b"mixed", b"alternative", b"related", b"digest", b"signed"])
                children = [tree(level + 1) for _ in range(rng.randrange(0, 4))]
                return b'Content-Type: multipart/%b; boundary="%b"\r\n\r\n' % (kind, name) + multipart(
                    name, *children
                )
            if level < 4 and choice < 0.5:
                return b"Content-Type: message/rfc822\r\n\r\nSubject: level %d\r\n%b" % (
                    level,
                    tree(level + 1),
                )
            return rng.choice([TEXT, HTML, CRLF + b"bare", b"Content-Type: image/png\r\n\r\niVBORw0KGgo="])

        message = head(f"combined {number}").removesuffix(CRLF) + tree(0)
        if number % 3:
            pieces = message.split(CRLF)
            for _ in range(rng.randrange(1, 4)):
                del pieces[rng.randrange(6, len(pieces))]
            message = CRLF.join(pieces)
        yield f"combined-{number:02}", message


def make() -> dict[str, bytes]:
    """All messages by file name."""
    made: dict[str, bytes] = {}
    for each in FAMILIES:
        for name, message in each(random.Random(f"{SEED} {each.__name__}")):
            assert f"{name}.eml" not in made, name
            made[f"{name}.eml"] = message
    return made


def main() -> int:
    made = make()
    if "--check" in sys.argv[1:]:
        kept = {path.name: path.read_bytes() for path in FOLDER.glob("*.eml")}
        return 0 if kept == made else 1
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.eml"):
        path.unlink()
    for name, message in made.items():
        (FOLDER / name).write_bytes(message)
    print(f"{len(made)} messages, {sum(map(len, made.values()))} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
