"""Imports every topic of this folder, so that ``contract.declared()`` is complete."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from posthouse import settings
from posthouse.settings.contract import Setting, declared

for _module in pkgutil.iter_modules(settings.__path__):
    importlib.import_module(f"posthouse.settings.{_module.name}")


def every_setting() -> dict[str, Setting[Any]]:
    """All settings of the program, by name."""
    return declared()
