"""One ``MetaData`` and the portable column types that every folder's ``records.py`` builds its tables from.

On SQLite statements run without SQLAlchemy's type machinery (their text is compiled once and fed to apsw), so
a column holds what the driver gives: int, float, str, bytes or None. Booleans are ``small()`` holding 0 or 1,
times are seconds since 1970 as ``big()`` or ``real()``. Python-side column defaults do not run: use
``server_default`` or give a value.

A released type is never changed, because migrations name it: a new need gets a new name.
"""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import BigInteger, Double, Integer, LargeBinary, MetaData, SmallInteger, String, Table, Text
from sqlalchemy.dialects import mssql, mysql, postgresql
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

ItemT = TypeVar("ItemT", bound=SchemaItem)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)
"""Every table of the program. Constraint and index names are the same on all engines."""

OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}
"""Table options every table has."""

_BINARY_ORDER = "Latin1_General_100_BIN2"
_MSSQL_BYTES: Any = mssql.VARBINARY  # (untyped in SQLAlchemy)


def table(name: str, *items: SchemaItem, **options: Any) -> Table:
    """Declare a table in :data:`metadata` with the options all tables share."""
    return Table(name, metadata, *items, **{**OPTIONS, **options})


def since(version: str, item: ItemT) -> ItemT:
    """A column or index that a migration adds to a table which an earlier one made; a column needs a
    ``server_default``, or to be nullable. It stands after the columns that were there before."""
    item.info["since"] = version
    return item


def _named(kind: TypeEngine[Any], source: str) -> Any:
    """Remember how the type is written, for the tool that writes migrations."""
    kind._posthouse_source = source  # type: ignore[attr-defined]
    return kind


def ident() -> Any:
    """A 64-bit id; as the only primary key column it is assigned by the database (on SQLite the row id)."""
    return _named(BigInteger().with_variant(Integer(), "sqlite"), "schema.ident()")


def big() -> Any:
    """A 64-bit integer."""
    return _named(BigInteger(), "schema.big()")


def small() -> Any:
    """A 16-bit integer; also a boolean as 0 or 1."""
    return _named(SmallInteger(), "schema.small()")


def real() -> Any:
    """A double."""
    return _named(Double(), "schema.real()")


def key_text(length: int) -> Any:
    """Unicode text of at most ``length`` (<= 700) characters that may be indexed; compared by code point,
    case matters. MySQL ignores blanks at the end in comparisons: do not tell keys apart by them."""
    return _named(
        String(length)
        .with_variant(postgresql.VARCHAR(length, collation="C"), "postgresql")
        .with_variant(mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")
        .with_variant(mssql.NVARCHAR(length, collation=_BINARY_ORDER), "mssql"),
        f"schema.key_text({length})",
    )


def ascii_text(length: int) -> Any:
    """ASCII text of at most ``length`` characters that may be indexed; case matters."""
    return _named(
        String(length)
        .with_variant(postgresql.VARCHAR(length, collation="C"), "postgresql")
        .with_variant(mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql", "mariadb")
        .with_variant(mssql.VARCHAR(length, collation=_BINARY_ORDER), "mssql"),
        f"schema.ascii_text({length})",
    )


def text() -> Any:
    """Unicode text of any length, not indexed. PostgreSQL refuses U+0000 in it."""
    return _named(
        Text()
        .with_variant(mysql.LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")
        .with_variant(mssql.NVARCHAR(None), "mssql"),
        "schema.text()",
    )


def blob() -> Any:
    """Bytes of any length."""
    return _named(
        LargeBinary()
        .with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
        .with_variant(_MSSQL_BYTES("max"), "mssql"),
        "schema.blob()",
    )


def key_blob(length: int) -> Any:
    """At most ``length`` (<= 800) bytes that may be indexed."""
    return _named(
        LargeBinary(length)
        .with_variant(mysql.VARBINARY(length), "mysql", "mariadb")
        .with_variant(_MSSQL_BYTES(length), "mssql"),
        f"schema.key_blob({length})",
    )


def digest() -> Any:
    """A SHA-256 as 32 bytes (``bytes.fromhex`` of a body's name)."""
    return _named(
        LargeBinary(32)
        .with_variant(mysql.BINARY(32), "mysql", "mariadb")
        .with_variant(mssql.BINARY(32), "mssql"),
        "schema.digest()",
    )


__all__ = [
    "OPTIONS",
    "ascii_text",
    "big",
    "blob",
    "digest",
    "ident",
    "key_blob",
    "key_text",
    "metadata",
    "real",
    "since",
    "small",
    "table",
    "text",
]
