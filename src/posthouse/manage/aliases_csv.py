"""The CSV file of aliases: read whole, every problem with its line number, and written.

Columns are ``address``, ``targets`` (spaces between several), and if wanted ``active`` (yes or no) and ``note``. A
first line that names the columns may put them in another order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from posthouse.directory.aliases import Alias
from posthouse.manage.csv_text import read_table, switch, write_table

COLUMNS = ("address", "targets", "active", "note")
MAX_LINES = 20_000
"""All of them are added in one unit of work."""
MAX_PROBLEMS = 200


class NewAlias(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mail for ``address`` goes to ``target``, and to each of ``more``. One that is not ``active`` is refused like an
    address that nobody has."""

    address: str
    target: str
    more: list[str] = []
    active: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class AliasLine:
    """One alias of the file."""

    number: int
    alias: NewAlias


def read_aliases(text: str) -> tuple[list[AliasLine], list[str]]:
    """The aliases of a file, and its problems (``line 7: …``)."""
    lines: list[AliasLine] = []
    rows, problems = read_table(text, COLUMNS, ("address", "targets"), MAX_LINES)
    for number, row in rows:
        targets = row["targets"].replace(",", " ").replace(";", " ").split()
        try:
            active = switch(row["active"])
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        if not targets:
            problems.append(f"line {number}: {row['address'][:80]!r} leads to nobody")
            continue
        lines.append(
            AliasLine(number, NewAlias(row["address"], targets[0], targets[1:], active, row["note"]))
        )
    return lines, problems[:MAX_PROBLEMS]


def write_aliases(aliases: Iterable[Alias]) -> str:
    """The file of these aliases."""
    return write_table(
        COLUMNS,
        ((one.address, " ".join(one.targets), "yes" if one.active else "no", one.note) for one in aliases),
    )
