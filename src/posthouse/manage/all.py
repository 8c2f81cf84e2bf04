"""Imports every file of uses, so that the register is complete."""

from __future__ import annotations

__all__: list[str] = []
