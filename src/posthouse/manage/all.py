"""Imports every file of uses, so that the register is complete."""

from __future__ import annotations

from posthouse.manage import (
    accounts,
    aliases,
    audit,
    demo,
    dns_records,
    domains,
    messages,
    queues,
    settings,
    status,
    verify,
)

__all__ = [
    "accounts",
    "aliases",
    "audit",
    "demo",
    "dns_records",
    "domains",
    "messages",
    "queues",
    "settings",
    "status",
    "verify",
]
