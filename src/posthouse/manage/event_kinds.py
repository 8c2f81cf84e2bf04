"""Which event an audit line becomes. Every administrative event comes from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from posthouse.cluster.events import Fact

_NAMED = {
    "backup.run": "backup.done",
    "message.raw": "message.read",
    "message.send": "message.sent",
    "message.show": "message.read",
    "probation.confirm": "probation.confirmed",
    "probation.revert": "probation.reverted",
}
"""Uses whose event does not follow the rule: ``thing.changed``."""

_SAME = {"me": "account", "identity": "account", "setup": "server", "demo": "server"}
"""Things whose changes are told as those of another."""


def of_audit(line: int, values: Mapping[str, Any]) -> Fact:
    """The event of an audit line, with the values that were written (secrets are masked there already)."""
    use, subject = values["use"], values["subject"]
    thing = use.partition(".")[0]
    kind = _NAMED.get(use, f"{_SAME.get(thing, thing)}.changed")
    data: dict[str, Any] = {"audit": line, "use": use, "subject": subject, "actor": values["actor"]}
    for name in ("before", "after"):
        if values[name]:
            data[name] = msgspec.json.decode(values[name])
    named = subject.partition("/")[0]
    if "@" in named:
        return Fact(kind, data, named.rpartition("@")[2], named)
    return Fact(kind, data, subject if thing == "domain" else "")
