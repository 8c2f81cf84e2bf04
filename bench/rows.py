"""Rows written straight into the file of a stopped server, alike to one that the server wrote itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any


def multiply(base: sqlite3.Connection, table: str, rows: Iterator[dict[str, Any]]) -> None:
    """Write rows that name all their columns alike."""
    first = next(rows)
    names = ", ".join(f'"{name}"' for name in first)
    statement = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({', '.join('?' * len(first))})"
    base.execute(statement, tuple(first.values()))
    base.executemany(statement, (tuple(row.values()) for row in rows))


def example(base: sqlite3.Connection, table: str, where: str = "1") -> list[dict[str, Any]]:
    """What the server itself wrote, without its ids."""
    cursor = base.execute(f"SELECT * FROM {table} WHERE {where}")
    names = [column[0] for column in cursor.description]
    return [{name: value for name, value in zip(names, row, strict=True) if name != "id"} for row in cursor]
