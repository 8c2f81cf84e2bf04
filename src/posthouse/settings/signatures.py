"""Settings of signatures."""

from __future__ import annotations

from posthouse.settings.contract import Setting

ENABLED = Setting(
    "signatures.enabled",
    True,
    "Whether signatures of accounts and domains are put below mail that is submitted here. Each account and domain has "
    "its own besides, with a switch.",
)

INJECTED = Setting(
    "signatures.injected",
    False,
    "Whether mail that comes over the HTTP API or from posthouse sendmail gets the signature of its sender, too. What "
    "programs write has mostly been finished by them.",
)
