"""Imports every file of checks, so that the register is complete."""

from __future__ import annotations

from posthouse.manage import (
    diagnostics_domain,
    diagnostics_lists,
    diagnostics_machine,
    diagnostics_names,
    diagnostics_ports,
    diagnostics_sending,
    diagnostics_server,
    diagnostics_upkeep,
)

__all__ = [
    "diagnostics_domain",
    "diagnostics_lists",
    "diagnostics_machine",
    "diagnostics_names",
    "diagnostics_ports",
    "diagnostics_sending",
    "diagnostics_server",
    "diagnostics_upkeep",
]
