"""The CSV file of an account import: read and checked whole, every problem with its line number.

Columns are ``address,password`` and, if wanted, ``quota`` (``2G``; ``none`` for no limit, empty for what new accounts
get). A first line that names the columns may put them in another order, and have those of :data:`MORE`.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field

from posthouse.directory import foreign_hashes
from posthouse.directory.details import NOTHING, Change, clean
from posthouse.directory.errors import DirectoryError
from posthouse.directory.foreign_hashes import Foreign
from posthouse.directory.names import own_address
from posthouse.directory.saslprep import prepare
from posthouse.manage.csv_text import plain, switch
from posthouse.settings.values import parse_size

MORE = (
    "first_name",
    "last_name",
    "display_name",
    "language",
    "time_zone",
    "note",
    "max_message",
    "protocols",
    "networks",
    "active",
    "addresses",
    "password_hash",
    "kind",
)
"""Columns that only a file with a first line of names has. ``protocols``, ``networks`` and ``addresses`` hold several
with spaces between; ``active`` is yes or no. ``password_hash`` in place of a password is what another
server stored of it, of this ``kind`` (see ``directory.foreign_hashes``). The kind ``none`` is for accounts without a
password: they get mail, and nobody signs in to them until one is set."""
FIRST = ("address", "password", "quota")
COLUMNS = FIRST + MORE
MAX_LINES = 100_000
MAX_PROBLEMS = 200
"""Problems reported one by one; a file with more is the wrong file."""


@dataclass(frozen=True, slots=True)
class Line:
    """One account to add. ``quota`` in bytes, 0 = none, None = what new accounts get; ``domain`` of the address,
    ``number`` of the file's line. ``details`` and ``addresses`` (further ones) are checked when it is added."""

    number: int
    address: str
    domain: str
    password: str = field(repr=False)
    quota: int | None
    details: Change = NOTHING
    active: bool = True
    addresses: tuple[str, ...] = ()
    foreign: Foreign | None = field(default=None, repr=False)


def parse_quota(text: str) -> int:
    """Bytes from ``2G``; 0 from ``none`` and the empty text. Raises ValueError with a plain reason."""
    if text.strip().lower() in ("", "none"):
        return 0
    try:
        return parse_size(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no size") from None


def read_accounts(text: str) -> tuple[list[Line], list[str]]:
    """The file's accounts and its problems (``line 7: …``). Passwords never appear in a problem."""
    lines: list[Line] = []
    problems: list[str] = []
    seen: dict[str, int] = {}
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    order: list[int] | None = None
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return lines, problems
        except csv.Error as error:
            return lines, [*problems, f"line {number}: {error}; the rest was not read"]
        if not row or not any(cell.strip() for cell in row):
            continue
        if order is None:
            unknown = _unknown(row)
            if unknown:
                return lines, [f"line {number}: unknown column {unknown!r}; there are {', '.join(COLUMNS)}"]
            order = _header(row)
            if order is not None:
                continue
            order = [*range(len(FIRST)), *([-1] * len(MORE))]
        if len(lines) >= MAX_LINES or len(problems) >= MAX_PROBLEMS:
            return lines, [*problems, f"line {number}: too many lines or problems; the rest was not read"]
        try:
            line = _line(number, row, order)
            if line.address in seen:
                raise ValueError(f"{line.address} stands in line {seen[line.address]} already")
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        seen[line.address] = number
        lines.append(line)


def _header(row: list[str]) -> list[int] | None:
    """Where each column of COLUMNS stands in the file (-1: nowhere); None when the row is no header."""
    names = [cell.strip().lower() for cell in row]
    if "address" not in names or not {"password", "password_hash"} & set(names):
        return None
    return [names.index(column) if column in names else -1 for column in COLUMNS]


def _unknown(row: list[str]) -> str:
    """The first column of a header that has no meaning here: ignoring it in silence could surprise."""
    if _header(row) is None:
        return ""
    return next((cell for cell in row if cell.strip().lower() not in COLUMNS), "")


def _line(number: int, row: list[str], order: list[int]) -> Line:
    if len(row) > len(FIRST) and order[len(FIRST)] < 0 and max(order) < len(FIRST):
        raise ValueError(f"{len(row)} columns; quote a password that holds a comma")
    cells = [row[place] if 0 <= place < len(row) else "" for place in order]
    address, password, quota = cells[:3]
    more = {name: plain(cell) for name, cell in zip(MORE, cells[3:], strict=True)}
    try:
        parsed = own_address(address)
    except DirectoryError as error:
        raise ValueError(error.text) from None
    foreign = _foreign(more["password_hash"].strip(), more["kind"].strip().lower())
    if foreign is not None and password:
        raise ValueError(f"{address.strip()} has a password and a hash; give one of them")
    kind = more["kind"].strip().lower()
    if kind == "none" and password:
        raise ValueError(f"{address.strip()} has a password, and the kind none")
    if foreign is None and not password and kind != "none":
        raise ValueError(f"{address.strip()} has no password (the kind none leaves it without one)")
    if password:
        prepare(password)
    wanted = Change(
        **{name: more[name] or None for name in MORE[:6]},
        max_message=parse_quota(more["max_message"]) if more["max_message"] else None,
        protocols=more["protocols"].replace(",", " ").split() or None,
        networks=more["networks"].replace(",", " ").split() or None,
    )
    try:
        clean(wanted)
        addresses = tuple(own_address(each).key for each in more["addresses"].replace(",", " ").split())
    except DirectoryError as error:
        raise ValueError(error.text) from None
    limit = parse_quota(quota) if quota.strip() else None
    active = switch(more["active"])
    return Line(number, parsed.key, parsed.domain, password, limit, wanted, active, addresses, foreign)


def _foreign(hashed: str, kind: str) -> Foreign | None:
    """What another server stored, None where the column is empty. Raises ValueError."""
    if not hashed:
        if kind not in ("", "none", *foreign_hashes.KINDS):
            raise ValueError(
                f"{kind[:20]!r} is no kind of hash; there are none, {', '.join(foreign_hashes.KINDS)}"
            )
        return None
    return foreign_hashes.parse(kind or foreign_hashes.guess(hashed), hashed)
