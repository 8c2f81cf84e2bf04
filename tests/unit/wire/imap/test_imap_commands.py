"""Each command of the grammar: what is read from good forms, and that bad forms are refused."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from imap_sinks import read_one

from posthouse.wire.imap.syntax import (
    SAVED,
    STAR,
    Append,
    AppendMessage,
    Authenticate,
    Command,
    Compress,
    Copy,
    Create,
    Enable,
    Expunge,
    Fetch,
    Id,
    Key,
    List,
    Login,
    MailboxName,
    QResync,
    QuotaRoot,
    ReaderState,
    Rename,
    Search,
    Section,
    Select,
    SetQuota,
    Sort,
    Status,
    Store,
    SyntaxProblem,
    Thread,
)

ONE = ((1, 1),)

GOOD: list[tuple[bytes, str, Any]] = [
    (b"NOOP", "NOOP", None),
    (b"noop", "NOOP", None),
    (b"CAPABILITY", "CAPABILITY", None),
    (b"LOGOUT", "LOGOUT", None),
    (b"STARTTLS", "STARTTLS", None),
    (b"CHECK", "CHECK", None),
    (b"CLOSE", "CLOSE", None),
    (b"UNSELECT", "UNSELECT", None),
    (b"IDLE", "IDLE", None),
    (b"NAMESPACE", "NAMESPACE", None),
    (b"ID NIL", "ID", Id(None)),
    (b"ID ()", "ID", Id(())),
    (b'ID ("name" "x y" "os" nil)', "ID", Id(((b"name", b"x y"), (b"os", None)))),
    (b"ENABLE condstore UTF8=ACCEPT", "ENABLE", Enable(("CONDSTORE", "UTF8=ACCEPT"))),
    (b"AUTHENTICATE plain", "AUTHENTICATE", Authenticate("PLAIN", None)),
    (b"AUTHENTICATE PLAIN =", "AUTHENTICATE", Authenticate("PLAIN", b"")),
    (b"AUTHENTICATE PLAIN AGEAYg==", "AUTHENTICATE", Authenticate("PLAIN", b"\0a\0b")),
    (b"AUTHENTICATE SCRAM-SHA-256", "AUTHENTICATE", Authenticate("SCRAM-SHA-256", None)),
    (b"LOGIN joe secret", "LOGIN", Login(b"joe", b"secret")),
    (b'LOGIN "joe@x" "a \\"b\\\\"', "LOGIN", Login(b"joe@x", b'a "b\\')),
    (b"LOGIN {3+}\r\njoe {4+}\r\na\r\nb", "LOGIN", Login(b"joe", b"a\r\nb")),
    (b'LOGIN joe ""', "LOGIN", Login(b"joe", b"")),
    (b"COMPRESS deflate", "COMPRESS", Compress("DEFLATE")),
    (b"SELECT inbox", "SELECT", Select("INBOX")),
    (b"EXAMINE inBox/sub", "EXAMINE", Select("INBOX/sub")),
    (b'SELECT "&ZeVnLIqe-/a&-b"', "SELECT", Select("日本語/a&b")),
    (b'SELECT "\xc3\xbc"', "SELECT", Select("ü")),
    (b"SELECT x (CONDSTORE)", "SELECT", Select("x", True)),
    (
        b"SELECT x (QRESYNC (67890007 20050715194045000))",
        "SELECT",
        Select("x", qresync=QResync(67890007, 20050715194045000)),
    ),
    (
        b"SELECT x (QRESYNC (1 2 41,43:211))",
        "SELECT",
        Select("x", qresync=QResync(1, 2, ((41, 41), (43, 211)))),
    ),
    (
        b"SELECT x (QRESYNC (1 2 41 (1:5 10:14)) CONDSTORE)",
        "SELECT",
        Select("x", True, QResync(1, 2, ((41, 41),), (((1, 5),), ((10, 14),)))),
    ),
    (
        b"SELECT x (QRESYNC (1 2 (1:5 10:14)))",
        "SELECT",
        Select("x", qresync=QResync(1, 2, None, (((1, 5),), ((10, 14),)))),
    ),
    (b"CREATE a/b", "CREATE", Create("a/b")),
    (b"CREATE s (USE (\\Sent \\Drafts))", "CREATE", Create("s", ("\\Sent", "\\Drafts"))),
    (b"DELETE a", "DELETE", MailboxName("a")),
    (b"SUBSCRIBE a]b", "SUBSCRIBE", MailboxName("a]b")),
    (b"UNSUBSCRIBE {1+}\r\na", "UNSUBSCRIBE", MailboxName("a")),
    (b"GETQUOTAROOT INBOX", "GETQUOTAROOT", MailboxName("INBOX")),
    (b'GETQUOTA ""', "GETQUOTA", QuotaRoot("")),
    (b'SETQUOTA "" (STORAGE 512)', "SETQUOTA", SetQuota("", (("STORAGE", 512),))),
    (b"SETQUOTA r ()", "SETQUOTA", SetQuota("r", ())),
    (b'RENAME "a b" c', "RENAME", Rename("a b", "c")),
    (b'LIST "" *', "LIST", List("", ("*",))),
    (b'LIST "" ""', "LIST", List("", ("",))),
    (b"LIST a b%*", "LIST", List("a", ("b%*",))),
    (b'LIST "a" "%"', "LIST", List("a", ("%",))),
    (b'LSUB "" "*"', "LSUB", List("", ("*",))),
    (b'LIST () "" (a b)', "LIST", List("", ("a", "b"), extended=True)),
    (
        b'LIST (SUBSCRIBED RECURSIVEMATCH) "" "*" RETURN ()',
        "LIST",
        List("", ("*",), frozenset({"SUBSCRIBED", "RECURSIVEMATCH"}), extended=True),
    ),
    (
        b'LIST "" % RETURN (CHILDREN STATUS (MESSAGES UNSEEN) SPECIAL-USE)',
        "LIST",
        List(
            "",
            ("%",),
            returns=frozenset({"CHILDREN", "SPECIAL-USE"}),
            status=("MESSAGES", "UNSEEN"),
            extended=True,
        ),
    ),
    (
        b"STATUS x (MESSAGES uidnext SIZE DELETED MAILBOXID HIGHESTMODSEQ)",
        "STATUS",
        Status("x", ("MESSAGES", "UIDNEXT", "SIZE", "DELETED", "MAILBOXID", "HIGHESTMODSEQ")),
    ),
    (b"APPEND x {3+}\r\nabc", "APPEND", Append("x", (AppendMessage((), None, b"abc"),))),
    (b"APPEND {1+}\r\nx {3+}\r\nabc", "APPEND", Append("x", (AppendMessage((), None, b"abc"),))),
    (
        b'APPEND x (\\seen $F) "01-Jan-1970 01:00:00 +0100" {0+}\r\n',
        "APPEND",
        Append("x", (AppendMessage(("\\Seen", "$F"), (0, 60), b""),)),
    ),
    (
        b'APPEND x " 1-Jan-1970 00:00:00 +0000" ~{3+}\r\na\0c',
        "APPEND",
        Append("x", (AppendMessage((), (0, 0), b"a\0c", True),)),
    ),
    (b"APPEND x UTF8 (~{3+}\r\nabc)", "APPEND", Append("x", (AppendMessage((), None, b"abc", True, True),))),
    (
        b"APPEND x () {1+}\r\na (\\Draft) {1+}\r\nb",
        "APPEND",
        Append("x", (AppendMessage((), None, b"a"), AppendMessage(("\\Draft",), None, b"b"))),
    ),
    (
        b"APPEND x UTF8 (~{1+}\r\na) UTF8 (~{1+}\r\nb)",
        "APPEND",
        Append("x", (AppendMessage((), None, b"a", True, True), AppendMessage((), None, b"b", True, True))),
    ),
    (b"STORE 1 FLAGS (\\DELETED kw)", "STORE", Store(ONE, "set", ("\\Deleted", "kw"))),
    (b"STORE 1 FLAGS ()", "STORE", Store(ONE, "set", ())),
    (
        b"STORE 2:4,* +flags.silent \\Seen \\Draft",
        "STORE",
        Store(((2, 4), (STAR, STAR)), "add", ("\\Seen", "\\Draft"), True),
    ),
    (
        b"STORE 4:2 (UNCHANGEDSINCE 12121230045) -FLAGS (x)",
        "STORE",
        Store(((2, 4),), "remove", ("x",), unchanged_since=12121230045),
    ),
    (b"STORE $ +FLAGS (\\Flagged)", "STORE", Store(SAVED, "add", ("\\Flagged",))),
    (b"COPY 1 inbox", "COPY", Copy(ONE, "INBOX")),
    (b"MOVE 1:* x", "MOVE", Copy(((1, STAR),), "x")),
    (b"EXPUNGE", "EXPUNGE", Expunge()),
    (b"FETCH 1 FLAGS", "FETCH", Fetch(ONE, ("FLAGS",))),
    (b"FETCH *:1 fast", "FETCH", Fetch(((1, STAR),), ("FLAGS", "INTERNALDATE", "RFC822.SIZE"))),
    (b"FETCH 1 ALL", "FETCH", Fetch(ONE, ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"))),
    (b"FETCH 1 FULL", "FETCH", Fetch(ONE, ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"))),
    (
        b"FETCH 1 (UID UID BODY BODYSTRUCTURE MODSEQ SAVEDATE EMAILID THREADID)",
        "FETCH",
        Fetch(ONE, ("UID", "BODY", "BODYSTRUCTURE", "MODSEQ", "SAVEDATE", "EMAILID", "THREADID")),
    ),
    (b"FETCH 1 (PREVIEW PREVIEW (LAZY))", "FETCH", Fetch(ONE, ("PREVIEW", "PREVIEW.LAZY"))),
    (b"FETCH 1 body[]", "FETCH", Fetch(ONE, (Section("BODY", label=b"BODY[]"),))),
    (
        b"FETCH 1 BODY.PEEK[HEADER]<5.10>",
        "FETCH",
        Fetch(ONE, (Section("BODY", text="HEADER", partial=(5, 10), peek=True, label=b"BODY[HEADER]<5>"),)),
    ),
    (
        b"FETCH 1 BODY[1.2.mime]",
        "FETCH",
        Fetch(ONE, (Section("BODY", (1, 2), "MIME", label=b"BODY[1.2.MIME]"),)),
    ),
    (
        b'FETCH 1 BODY[3.HEADER.FIELDS.NOT (a "b c")]',
        "FETCH",
        Fetch(
            ONE,
            (
                Section(
                    "BODY",
                    (3,),
                    "HEADER.FIELDS.NOT",
                    (b"a", b"b c"),
                    label=b'BODY[3.HEADER.FIELDS.NOT (a "b c")]',
                ),
            ),
        ),
    ),
    (
        b"FETCH 1 (BINARY[1] BINARY.PEEK[]<0.5> BINARY.SIZE[2])",
        "FETCH",
        Fetch(
            ONE,
            (
                Section("BINARY", (1,), label=b"BINARY[1]"),
                Section("BINARY", partial=(0, 5), peek=True, label=b"BINARY[]<0>"),
                Section("BINARY.SIZE", (2,), peek=True, label=b"BINARY.SIZE[2]"),
            ),
        ),
    ),
    (
        b"FETCH 1 (RFC822 RFC822.HEADER RFC822.TEXT RFC822.SIZE)",
        "FETCH",
        Fetch(
            ONE,
            (
                Section("RFC822", label=b"RFC822"),
                Section("RFC822.HEADER", text="HEADER", peek=True, label=b"RFC822.HEADER"),
                Section("RFC822.TEXT", text="TEXT", label=b"RFC822.TEXT"),
                "RFC822.SIZE",
            ),
        ),
    ),
    (b"FETCH 1 (FLAGS) (CHANGEDSINCE 7)", "FETCH", Fetch(ONE, ("FLAGS",), 7)),
    (b"SEARCH ALL", "SEARCH", Search(Key("ALL"))),
    (b"SEARCH UNSEEN 1:3", "SEARCH", Search(Key("AND", (Key("UNSEEN"), Key("SEQUENCE", ((1, 3),)))))),
    (b"SEARCH RETURN () NOT $", "SEARCH", Search(Key("NOT", Key("SEQUENCE", SAVED)), frozenset())),
    (
        b"SEARCH RETURN (MIN SAVE) charset utf-8 OR FROM {2+}\r\n\xc3\xa9 BODY x",
        "SEARCH",
        Search(Key("OR", (Key("FROM", "é"), Key("BODY", "x"))), frozenset({"MIN", "SAVE"}), "UTF-8"),
    ),
    (
        b"SEARCH ((SEEN) (OLD NEW))",
        "SEARCH",
        Search(Key("AND", (Key("SEEN"), Key("AND", (Key("OLD"), Key("NEW")))))),
    ),
    (
        b'SEARCH SINCE 1-Feb-1994 SENTON "11-FEB-1994"',
        "SEARCH",
        Search(Key("AND", (Key("SINCE", date(1994, 2, 1)), Key("SENTON", date(1994, 2, 11))))),
    ),
    (
        b'SEARCH HEADER X-A "" KEYWORD $Junk UNKEYWORD a',
        "SEARCH",
        Search(Key("AND", (Key("HEADER", ("X-A", "")), Key("KEYWORD", "$Junk"), Key("UNKEYWORD", "a")))),
    ),
    (
        b"SEARCH LARGER 0 SMALLER 5 YOUNGER 3 OLDER 4 UID 5:* SAVEDATESUPPORTED SAVEDSINCE 1-Jan-2020",
        "SEARCH",
        Search(
            Key(
                "AND",
                (
                    Key("LARGER", 0),
                    Key("SMALLER", 5),
                    Key("YOUNGER", 3),
                    Key("OLDER", 4),
                    Key("UID", ((5, STAR),)),
                    Key("SAVEDATESUPPORTED"),
                    Key("SAVEDSINCE", date(2020, 1, 1)),
                ),
            )
        ),
    ),
    (b"SEARCH MODSEQ 620162338", "SEARCH", Search(Key("MODSEQ", 620162338))),
    (b'SEARCH MODSEQ "/flags/\\\\draft" all 5', "SEARCH", Search(Key("MODSEQ", 5))),
    (
        b"SEARCH EMAILID M6d99 THREADID T1",
        "SEARCH",
        Search(Key("AND", (Key("EMAILID", "M6d99"), Key("THREADID", "T1")))),
    ),
    (
        b"SORT (SUBJECT REVERSE DATE) UTF-8 ALL",
        "SORT",
        Sort((("SUBJECT", False), ("DATE", True)), "UTF-8", Key("ALL")),
    ),
    (
        b"SORT RETURN (COUNT) (DISPLAYFROM) US-ASCII SEEN",
        "SORT",
        Sort((("DISPLAYFROM", False),), "US-ASCII", Key("SEEN"), frozenset({"COUNT"})),
    ),
    (b"THREAD references utf-8 ALL", "THREAD", Thread("REFERENCES", "UTF-8", Key("ALL"))),
]


@pytest.mark.parametrize(("line", "name", "arguments"), GOOD, ids=[repr(row[0])[2:60] for row in GOOD])
def test_a_good_form_becomes_its_value(line: bytes, name: str, arguments: Any) -> None:
    """A well-formed command is read into the value that syntax.py describes."""
    event = read_one(b"A1 " + line + b"\r\n")
    assert event == Command(b"A1", name, arguments)


UID_FORMS: list[tuple[bytes, str, Any]] = [
    (b"UID FETCH 5:* (UID FLAGS)", "FETCH", Fetch(((5, STAR),), ("UID", "FLAGS"))),
    (b"uid fetch 5 FLAGS (CHANGEDSINCE 1 VANISHED)", "FETCH", Fetch(((5, 5),), ("FLAGS",), 1, True)),
    (b"UID STORE $ FLAGS ()", "STORE", Store(SAVED, "set", ())),
    (b"UID COPY 1 x", "COPY", Copy(ONE, "x")),
    (b"UID MOVE 1 x", "MOVE", Copy(ONE, "x")),
    (b"UID EXPUNGE 1:3", "EXPUNGE", Expunge(((1, 3),))),
    (b"UID SEARCH ALL", "SEARCH", Search(Key("ALL"))),
    (b"UID SORT (SIZE) UTF-8 ALL", "SORT", Sort((("SIZE", False),), "UTF-8", Key("ALL"))),
    (b"UID THREAD ORDEREDSUBJECT UTF-8 ALL", "THREAD", Thread("ORDEREDSUBJECT", "UTF-8", Key("ALL"))),
]


@pytest.mark.parametrize(("line", "name", "arguments"), UID_FORMS)
def test_uid_forms_say_so(line: bytes, name: str, arguments: Any) -> None:
    """UID before a command sets its uid mark and nothing else."""
    assert read_one(b"A1 " + line + b"\r\n") == Command(b"A1", name, arguments, uid=True)


BAD = [
    b"NOOP ",
    b"NOOP x",
    b"UID NOOP",
    b"UID",
    b"FOO",
    b"NOOP\tx",
    b"ID",
    b"ID x",
    b'ID ("a")',
    b'ID ("a" "' + b"x" * 1025 + b'")',
    b"ENABLE",
    b"ENABLE ",
    b"AUTHENTICATE",
    b"AUTHENTICATE PLAIN a",
    b"AUTHENTICATE PLAIN AGEAYg== x",
    b"LOGIN a",
    b"LOGIN a b c",
    b'LOGIN a "b',
    b'LOGIN a "b\\c"',
    b"LOGIN a {1+}\r\n\0",
    b"LOGIN a ~{1+}\r\nb",
    b"SELECT",
    b"SELECT x ()",
    b"SELECT x (FOO)",
    b"SELECT x (QRESYNC (0 1))",
    b"SELECT x (QRESYNC (1 1 1:*))",
    b"SELECT x (CONDSTORE CONDSTORE)",
    b"CREATE x (USE)",
    b"CREATE x (USE (Sent))",
    b"RENAME a",
    b"LIST",
    b'LIST ""',
    b'LIST (RECURSIVEMATCH) "" *',
    b'LIST (RECURSIVEMATCH REMOTE) "" *',
    b'LIST (FOO) "" *',
    b'LIST "" * RETURN (FOO)',
    b'LIST "" * FOO ()',
    b'LIST "" ()',
    b"STATUS x ()",
    b"STATUS x (FOO)",
    b"STATUS x MESSAGES",
    b"APPEND x",
    b"APPEND x (\\Seen)",
    b"APPEND x {3+}\r\nabc x",
    b"APPEND x (\\Recent) {3+}\r\nabc",
    b'APPEND x "32-Jan-1970 00:00:00 +0000" {3+}\r\nabc',
    b'APPEND x "01-Foo-1970 00:00:00 +0000" {3+}\r\nabc',
    b"APPEND x UTF8 ({3+}\r\nabc)",
    b"APPEND x UTF8 (~{3+}\r\nabc",
    b'APPEND x CATENATE (URL "a")',
    b"APPEND x {3+}\r\nabc{3+}\r\nabc",
    b"STORE 1 FLAGS",
    b"STORE 0 FLAGS (x)",
    b"STORE 1: FLAGS (x)",
    b"STORE 1,,2 FLAGS (x)",
    b"STORE 4294967296 FLAGS (x)",
    b"STORE 1 (FOO 1) FLAGS (x)",
    b"STORE 1 FLAGS (x",
    b"STORE 1 FLAGS (" + b"k" * 200 + b")",
    b"COPY 1",
    b"COPY x y",
    b"EXPUNGE 1",
    b"UID EXPUNGE",
    b"FETCH 1",
    b"FETCH 1 ()",
    b"FETCH 1 (ALL)",
    b"FETCH 1 FOO",
    b"FETCH 1 BODY[MIME]",
    b"FETCH 1 BODY[0]",
    b"FETCH 1 BODY[1.]",
    b"FETCH 1 BODY[1]<0.0>",
    b"FETCH 1 BODY[HEADER.FIELDS ()]",
    b"FETCH 1 BODY[" + b".".join([b"1"] * 65) + b"]",
    b"FETCH 1 BINARY[HEADER]",
    b"FETCH 1 BINARY.SIZE[1]<0.1>",
    b"FETCH 1 FLAGS (VANISHED)",
    b"FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)",
    b"FETCH 1 PREVIEW (EAGER)",
    b"SEARCH",
    b"SEARCH FOO",
    b"SEARCH KEYWORD \\Seen",
    b"SEARCH ()",
    b"SEARCH NOT",
    b"SEARCH OR SEEN",
    b"SEARCH SEEN  SEEN",
    b"SEARCH RETURN (FOO) ALL",
    b"SEARCH SINCE 31-Feb-2020",
    b"SEARCH SINCE 1-Foo-2020",
    b"SEARCH YOUNGER 0",
    b"SEARCH FROM {1+}\r\n\xff",
    b"SEARCH EMAILID a.b",
    b"SEARCH " + b"NOT " * 50 + b"ALL",
    b"SEARCH " + b"(" * 50 + b"ALL" + b")" * 50,
    b"SORT (FOO) UTF-8 ALL",
    b"SORT (REVERSE) UTF-8 ALL",
    b"SORT () UTF-8 ALL",
    b"SORT (DATE) UTF-8",
    b"THREAD FOO UTF-8 ALL",
    b"COMPRESS",
    b'SETQUOTA "" STORAGE 5',
]


@pytest.mark.parametrize("line", BAD, ids=[repr(line)[2:60] for line in BAD])
def test_a_bad_form_is_refused_and_the_next_command_is_read(line: bytes) -> None:
    """A malformed command is one BAD with its tag and a text; what follows is read as if nothing had been."""
    from imap_sinks import read

    first, second = read(b"A1 " + line + b"\r\nA2 NOOP\r\n")
    assert isinstance(first, SyntaxProblem)
    assert (first.tag, first.no, first.close) == (b"A1", False, False)
    assert first.text
    assert second == Command(b"A2", "NOOP")


@pytest.mark.parametrize("line", [b"", b" NOOP", b"+ NOOP", b"(a NOOP", b"a" * 200 + b" NOOP", b"\0\0"])
def test_without_a_tag_the_answer_is_untagged(line: bytes) -> None:
    """A line whose tag cannot be read is answered with ``*``."""
    event = read_one(line + b"\r\n")
    assert isinstance(event, SyntaxProblem)
    assert event.tag == b"*"


def test_an_unknown_charset_is_no_with_the_known_ones() -> None:
    """BADCHARSET lists what is understood (RFC 9051 7.1)."""
    event = read_one(b"A1 SEARCH CHARSET KOI8-R ALL\r\n")
    assert isinstance(event, SyntaxProblem)
    assert event.no
    assert event.code == "BADCHARSET (US-ASCII UTF-8)"


def test_charset_is_refused_after_utf8_accept_but_not_in_rev2() -> None:
    """RFC 6855 3 forbids CHARSET once UTF8=ACCEPT is enabled; IMAP4rev2 keeps it."""
    utf8 = ReaderState(authenticated=True, utf8=True)
    assert isinstance(read_one(b"A1 SEARCH CHARSET UTF-8 ALL\r\n", utf8), SyntaxProblem)
    rev2 = ReaderState(authenticated=True, utf8=True, rev2=True)
    assert isinstance(read_one(b"A1 SEARCH CHARSET UTF-8 ALL\r\n", rev2), Command)


def test_a_name_in_broken_modified_utf7_is_no_cannot() -> None:
    """A name that stands for nothing is NO, not BAD: the line itself is well formed."""
    event = read_one(b"A1 SELECT R&D\r\n")
    assert isinstance(event, SyntaxProblem)
    assert (event.no, event.code) == (True, "CANNOT")


def test_an_ampersand_is_plain_once_utf8_is_enabled() -> None:
    """After ENABLE, & needs no shift (RFC 6855 3)."""
    event = read_one(b"A1 SELECT R&D\r\n", ReaderState(authenticated=True, utf8=True))
    assert event == Command(b"A1", "SELECT", Select("R&D"))


def test_secrets_do_not_show_in_the_values_text() -> None:
    """repr() of a sign-in command, as a log line might print it, keeps the password back."""
    assert "secret" not in repr(read_one(b"A1 LOGIN joe secret\r\n"))
    assert "AGEA" not in repr(read_one(b"A1 AUTHENTICATE PLAIN AGEAYg==\r\n"))
    assert "x00b" not in repr(read_one(b"A1 AUTHENTICATE PLAIN AGEAYg==\r\n"))
