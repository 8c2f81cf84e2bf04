"""Imports every file of pages, so that the register is complete."""

from __future__ import annotations

import importlib
import pkgutil

from posthouse.web import pages

for _module in pkgutil.iter_modules(pages.__path__):
    importlib.import_module(f"posthouse.web.pages.{_module.name}")
