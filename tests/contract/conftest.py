"""Fixtures of the contract tests."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parent))

from store_parts import Parts

from posthouse.database.contract import Database


@pytest_asyncio.fixture
async def parts(database: Database, tmp_path: Path) -> AsyncIterator[Parts]:
    """A store on each engine in turn."""
    made = Parts(database, tmp_path)
    yield made
    await made.close()
