"""CSV files of people and aliases: tables with named columns, read strictly and written so that a spreadsheet program
takes no cell for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import msgspec

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Csv(msgspec.Struct, frozen=True):
    """``text`` is the content of a CSV file, with the names of the columns in its first line."""

    text: str


class ExportOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one domain, or (left out) of all."""

    domain: str | None = None


def read_table(
    text: str, columns: Sequence[str], needed: Sequence[str], most: int
) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    """The rows of a file with their line numbers, and its problems (``line 7: …``). The first line may name the
    columns; else they stand in the order of ``columns``. Cells that are not there are empty."""
    rows: list[tuple[int, dict[str, str]]] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    order: list[str] | None = None
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return rows, []
        except csv.Error as error:
            return rows, [f"line {number}: {error}; the rest was not read"]
        if not any(cell.strip() for cell in cells):
            continue
        if order is None:
            names = [cell.strip().lower() for cell in cells]
            order = list(columns)
            if all(name in names for name in needed):
                unknown = next((name for name in names if name not in columns), None)
                if unknown is not None:
                    known = ", ".join(columns)
                    return rows, [f"line {number}: unknown column {unknown[:40]!r}; there are {known}"]
                order = names
                continue
        if len(cells) > len(order):
            return rows, [f"line {number}: {len(cells)} columns; quote what holds a comma"]
        if len(rows) >= most:
            return rows, [f"line {number}: more than {most} lines; the rest was not read"]
        row = dict.fromkeys(columns, "")
        row.update((name, plain(cell)) for name, cell in zip(order, cells, strict=False))
        rows.append((number, row))


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A file of these rows."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return out.getvalue()


def switch(text: str) -> bool:
    """Whether something is on: an empty cell is yes. Raises ValueError."""
    word = text.strip().lower()
    if word in ("", "yes", "true", "1", "on"):
        return True
    if word in ("no", "false", "0", "off"):
        return False
    raise ValueError(f"{text[:40]!r} is neither yes nor no")


def _safe(cell: str) -> str:
    """Spreadsheet programs run what begins like a formula; an apostrophe makes it text."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def plain(cell: str) -> str:
    """A cell as it was before a spreadsheet's formulas were made harmless."""
    text = cell.strip()
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text
