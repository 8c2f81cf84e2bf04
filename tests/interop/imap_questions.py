"""The searches, sorts and threads that both servers are asked for."""

from __future__ import annotations

from itertools import product

_FLAG_KEYS = (
    *("ALL", "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN", "UNANSWERED", "UNDELETED", "UNDRAFT"),
    *("UNFLAGGED", "UNSEEN", "OLD", "KEYWORD $Forwarded", "UNKEYWORD $Forwarded", "KEYWORD $junk"),
    *("KEYWORD $JUNK", "KEYWORD $never", "UNKEYWORD $never"),
)
_DATE_KEYS = tuple(
    f"{key} {day}"
    for key, day in product(
        ("BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE"),
        (
            "1-Jan-2025",
            "15-Mar-2025",
            "3-Feb-2026",
            "18-Oct-2012",
            "1-Jan-1970",
            "20-Apr-2005",
            "31-Dec-2030",
        ),
    )
)
_SIZE_KEYS = tuple(
    f"{key} {size}" for key in ("LARGER", "SMALLER") for size in (0, 1, 26, 27, 500, 1024, 10_000, 4_000_000)
)
_SET_KEYS = (
    *(
        "1:10",
        "5",
        "*",
        "1,3,5:7,400:*",
        "UID 1:50",
        "UID 7",
        "UID 100:*",
        "UID 460:9999",
        "UID 3,9,27:30,81",
    ),
    *("UID 1:* NOT UID 2:*", "472:470", "UID 9000:9001"),
)
_WORDS = (
    *(
        "test",
        "TEST",
        "Re",
        "example",
        "python",
        '\\"',
        "?=",
        "=?",
        "utf-8",
        "iso-8859-1",
        "é",
        "É",
        "ö",
        "ß",
    ),
    *(
        "SS",
        "日本",
        "中",
        "ñ",
        "€",
        "attachment",
        "hello world",
        "@",
        ".",
        " ",
        "  ",
        "<",
        "no such text anywhere",
    ),
)
_FIELD_KEYS = tuple(
    f'{key} "{word}"' for key, word in product(("SUBJECT", "FROM", "TO", "CC", "BCC"), _WORDS)
)
_FIELD_VALUES = (
    *(
        'FROM "James Hillyerd"',
        'FROM "james@makita"',
        'FROM "Hillyerd <james"',
        'TO "greg@"',
        'FROM "mail delivery"',
    ),
    *('TO "reader@example.com"', 'FROM "\\"Odd"', 'FROM "Odd Sender <odd@example.org>"', 'FROM "MISSING"'),
    *(
        'SUBJECT "awkward"',
        'SUBJECT "mime test"',
        'SUBJECT "[catalyst]"',
        'SUBJECT "ü"',
        'CC ""',
        'BCC ""',
        'TO ""',
    ),
    *('SUBJECT ""', 'FROM ""'),
)
_HEADER_NAMES = (
    "Subject",
    "From",
    "To",
    "Received",
    "Message-ID",
    "Content-Type",
    "MIME-Version",
    "X-Mailer",
    "X-None",
)
_HEADER_WORDS = ("", "a", "1.0", "multipart", "example.org", "é", "localhost by", "  ")
_HEADER_KEYS = (
    *(f'HEADER {name} "{word}"' for name, word in product(_HEADER_NAMES, _HEADER_WORDS)),
    *('HEADER In-Reply-To ""', 'HEADER References "<"', 'HEADER Date "2026"', 'HEADER Date "feb"'),
    *('HEADER List-Id ""', 'HEADER Return-Path "@"', 'HEADER Content-Transfer-Encoding "base64"'),
    *(
        'HEADER Content-Disposition "inline"',
        'HEADER sUBJECT "TEST"',
        'HEADER Reply-To ""',
        'HEADER Sender ""',
    ),
)
_TEXT_WORDS = (
    *(
        "the",
        "THE",
        "attachment",
        "hello",
        "Hello World",
        "quick brown",
        "boundary",
        "multipart",
        "=20",
        "=C3",
    ),
    *("é", "É", "ö", "ß", "ss", "日本", "€", "PGP SIGNATURE", "<html", "&nbsp;", "href=", "JVBERi0", "%PDF"),
    *("R0lGODlh", "Content-Type", "base64", "application/pdf", "filename", "Test", "James", "some text"),
    *("multi-part message", "letter stamp", "mail rider", "\\\\", "no such text anywhere", "--", "From "),
)
_TEXT_KEYS = tuple(f'{key} "{word}"' for key, word in product(("BODY", "TEXT"), _TEXT_WORDS))
_COMBINED_KEYS = (
    *(
        "NOT SEEN",
        "NOT NOT SEEN",
        "OR SEEN FLAGGED",
        "OR (SEEN ANSWERED) (FLAGGED LARGER 500)",
        "NOT (SEEN DRAFT)",
    ),
    *("SEEN LARGER 1000 SMALLER 5000", "OR OR SEEN DRAFT DELETED", 'NOT SUBJECT "a"', 'NOT BODY "the"'),
    *('NOT TEXT "e"', 'OR FROM "python" SUBJECT "python"', 'SUBJECT "test" FROM "example"'),
    *("1:100 SEEN", "NOT 1:400", "(1:9 (NOT (5 6)))", 'OR HEADER X-Mailer "" HEADER User-Agent ""'),
    *("SENTSINCE 1-Jan-2010 SENTBEFORE 1-Jan-2015", "OR SENTON 18-Oct-2012 ON 15-Mar-2025"),
    *(
        'UID 1:200 OR TEXT "pdf" LARGER 3000',
        "NOT KEYWORD $junk UNSEEN NOT DELETED",
        'NOT TO ""',
        'NOT CC ""',
    ),
)

SEARCHES: tuple[str, ...] = (
    _FLAG_KEYS
    + _DATE_KEYS
    + _SIZE_KEYS
    + _SET_KEYS
    + tuple(
        f"CHARSET UTF-8 {key}"
        for key in _FIELD_KEYS + _FIELD_VALUES + _HEADER_KEYS + _TEXT_KEYS + _COMBINED_KEYS
    )
)

_CRITERIA = ("ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO", "DISPLAYFROM", "DISPLAYTO")

SORTS: tuple[str, ...] = tuple(
    f"SORT ({criteria}) UTF-8 {which}"
    for criteria, which in (
        *((criterion, "ALL") for criterion in _CRITERIA),
        *((f"REVERSE {criterion}", "ALL") for criterion in _CRITERIA),
        ("SUBJECT DATE", "ALL"),
        ("SUBJECT REVERSE DATE", "ALL"),
        ("FROM SUBJECT", "ALL"),
        ("REVERSE FROM REVERSE SIZE", "ALL"),
        ("TO CC ARRIVAL", "UNSEEN"),
        ("REVERSE SIZE SUBJECT", "SEEN"),
        ("DATE SIZE", "UID 1:200"),
    )
)

THREADS: tuple[str, ...] = (
    "THREAD REFERENCES UTF-8 ALL",
    "THREAD ORDEREDSUBJECT UTF-8 ALL",
    "THREAD REFERENCES UTF-8 UNSEEN",
    "THREAD ORDEREDSUBJECT UTF-8 NOT DELETED",
)
