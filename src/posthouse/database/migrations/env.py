"""What Alembic runs: every missing version, in one transaction where the engine can, one migrator at a
time."""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import Connection, Engine, create_engine, event, text

from posthouse.database.schema import metadata

LOCK = 7_071_501
"""The number of the advisory lock that lets one node at a time migrate a database server."""


def _exclusive(connection: Connection) -> None:
    """Wait for another node's migration. SQLite is guarded by the data folder's lock."""
    engine = connection.dialect.name
    if engine == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_lock({LOCK})"))
    elif engine in ("mysql", "mariadb"):
        connection.execute(text(f"SELECT GET_LOCK('posthouse.{LOCK}', 60)"))
    elif engine == "mssql":
        connection.execute(
            text(
                f"EXEC sp_getapplock @Resource='posthouse.{LOCK}', @LockMode='Exclusive', "
                f"@LockOwner='Session'"
            )
        )
    connection.commit()


def _make_transactional(engine: Engine) -> None:
    """Let SQLite's driver neither begin nor commit by itself, so that a migration is all or nothing there
    too."""

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _run() -> None:
    url = context.config.attributes["url"]
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        _make_transactional(engine)
    try:
        with engine.connect() as connection:
            _exclusive(connection)
            context.configure(
                connection=connection,
                target_metadata=metadata,
                render_as_batch=connection.dialect.name == "sqlite",
            )
            with context.begin_transaction():
                context.run_migrations()
            connection.commit()
    finally:
        engine.dispose()


_run()
