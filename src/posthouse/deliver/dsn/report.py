"""The second part of a notice: message/delivery-status (RFC 3464 2), or message/global-delivery-status where an
address needs UTF-8 (RFC 6533 4)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from posthouse.deliver.contract import Told
from posthouse.deliver.dsn.fields import (
    ascii_domain,
    clean,
    date,
    field,
    from_orcpt,
    from_xtext,
    plain,
    utf8_field,
)
from posthouse.deliver.results import Said
from posthouse.queue.contract import QueuedMessage

_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_ATOM = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,30}")
_MAX_DIAGNOSTIC = 900
_CLASS = {"failed": "5", "delayed": "4"}


def needs_utf8(told: Sequence[Told]) -> bool:
    """Whether a recipient's address, as we have it or as it was first written, has a local part outside ASCII."""
    return any(_outside_ascii(each) for each in told)


def _outside_ascii(told: Told) -> bool:
    recipient = told.result.lease.recipient
    local = recipient.recipient.rpartition("@")[0]
    return not local.isascii() or not from_orcpt(recipient.orcpt)[1].isascii()


def status_report(
    message: QueuedMessage, told: Sequence[Told], our_name: str, now: float, *, utf8: bool
) -> str:
    """The content of the part: one group of fields for the message, one for each recipient."""
    groups = [_of_message(message, our_name)]
    groups += [_of_recipient(message, each, now, utf8=utf8) for each in told]
    return "\r\n".join(groups)


def _of_message(message: QueuedMessage, our_name: str) -> str:
    lines = [field("Reporting-MTA", f"dns; {plain(ascii_domain(our_name), 255)}")]
    if message.envid:
        lines.append(field("Original-Envelope-Id", plain(from_xtext(message.envid), 255)))
    lines.append(field("Arrival-Date", date(message.received_at)))
    return "".join(lines)


def _of_recipient(message: QueuedMessage, told: Told, now: float, *, utf8: bool) -> str:
    said, recipient = told.result.said, told.result.lease.recipient
    lines = []
    if recipient.orcpt:
        kind, address = from_orcpt(recipient.orcpt)
        kind = kind if _ATOM.fullmatch(kind) else "unknown"
        lines.append(_address_field("Original-Recipient", kind, address, utf8=utf8))
    lines.append(_address_field("Final-Recipient", "rfc822", recipient.recipient, utf8=utf8))
    lines.append(field("Action", told.kind))
    lines.append(field("Status", status_of(told.kind, said)))
    if said.remote or said.address:
        lines.append(field("Remote-MTA", f"dns; {_remote(said)}"))
    if told.kind in ("failed", "delayed") and (said.code or said.text):
        lines.append(_diagnostic(said, utf8=utf8))
    if told.result.tried:
        lines.append(field("Last-Attempt-Date", date(now)))
    if told.kind == "delayed" and told.until:
        lines.append(field("Will-Retry-Until", date(told.until)))
    lines.append(field("Final-Log-ID", plain(message.trace, 100)))
    return "".join(lines)


def _address_field(name: str, kind: str, address: str, *, utf8: bool) -> str:
    local, at, domain = clean(address, 500).rpartition("@")
    if local.isascii():
        return field(name, f"{kind}; {local}{at}{plain(ascii_domain(domain), 400)}")
    kind = "utf-8" if kind == "rfc822" else kind
    if utf8:
        return utf8_field(name, f"{kind}; {local}{at}{domain}")
    return field(name, f"{kind}; {plain(address, 500)}")


def status_of(kind: str, said: Said) -> str:
    """A status of the right form and, for what went well, of the right class (RFC 3463 2). A failure may have ended
    many passing ones: then 4.x.x stands (RFC 3463 3.5, "persistent transient")."""
    if kind not in _CLASS:
        return said.status if _STATUS.fullmatch(said.status) and said.status.startswith("2") else "2.0.0"
    if _STATUS.fullmatch(said.status) and not said.status.startswith("2"):
        return said.status
    return f"{_CLASS[kind]}.0.0"


def _remote(said: Said) -> str:
    name = plain(ascii_domain(clean(said.remote, 255)), 255)
    if not said.address:
        return name
    address = plain(said.address, 60)
    return f"{name} ({address})" if name else f"[{address}]"


def _diagnostic(said: Said, *, utf8: bool) -> str:
    """What was said, word for word; of the type ``smtp`` only where a server answered."""
    kind = "smtp" if said.code and (said.remote or said.address) else "X-Posthouse"
    status = "" if said.status.endswith(".0.0") or said.text.startswith(said.status) else said.status
    words = " ".join(
        filter(None, (str(said.code or ""), clean(status, 20), clean(said.text, _MAX_DIAGNOSTIC)))
    )
    if utf8 and not words.isascii():
        return utf8_field("Diagnostic-Code", f"{kind}; {clean(words, _MAX_DIAGNOSTIC // 4)}")
    return field("Diagnostic-Code", f"{kind}; {plain(words, _MAX_DIAGNOSTIC)}")
