"""What a transaction will say, decided before a word of it is said: from the message and what the host announced."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from posthouse.deliver.remote.contract import Parcel
from posthouse.deliver.results import Result, Said
from posthouse.mail import headers
from posthouse.mail.mime import Buffer
from posthouse.queue.contract import Lease, QueuedMessage
from posthouse.wire.smtp.client_content import only_lines
from posthouse.wire.smtp.client_extensions import Extensions
from posthouse.wire.smtp.client_path import BadPath, path_of
from posthouse.wire.smtp.client_seven_bit import SIGNATURES, seven_bit

IN_THREAD_FROM = 262144
"""Bytes from which a message is looked through and converted in a thread."""

_VALUE = re.compile(r"[!-~]+")
_UTF8_VALUE = re.compile(r"[^\x00-\x20\x7f]+")


@dataclass(frozen=True, slots=True)
class Host:
    """What is known of the host: what it announced, whether the way is encrypted, whether it speaks LMTP."""

    extensions: Extensions
    encrypted: bool
    lmtp: bool


@dataclass(frozen=True, slots=True)
class Content:
    """The message as this host gets it. ``body_type`` is the parameter BODY ("" for none); ``counted``: only by
    BDAT."""

    prefix: bytes
    body: Buffer
    body_type: str = ""
    counted: bool = False

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.prefix) + len(self.body)


@dataclass(frozen=True, slots=True)
class Plan:
    """The commands, CRLF included. ``refused`` are recipients that this host cannot be asked for."""

    mail: bytes
    recipients: tuple[tuple[Lease, bytes], ...]
    refused: tuple[Result, ...]
    content: Content


async def content_for(parcel: Parcel, host: Host) -> Content | Said:
    """The message in a form that this host can take, or why there is none."""
    if parcel.size >= IN_THREAD_FROM and (parcel.binary or "8BITMIME" not in host.extensions):
        return await asyncio.to_thread(_content, parcel, host)
    return _content(parcel, host)


def _content(parcel: Parcel, host: Host) -> Content | Said:
    extensions = host.extensions
    plain = Content(parcel.prefix, parcel.body)
    if parcel.binary:
        if "BINARYMIME" in extensions and "CHUNKING" in extensions:
            return _sized(replace(plain, body_type="BINARYMIME", counted=True), extensions)
        if not only_lines(parcel.prefix, parcel.body):
            return Said(554, "5.6.3", "The message is binary, and the host takes no binary mail (BINARYMIME)")
        # Only its lines are long: most hosts take them, and one that does not says so.
    if not parcel.eight_bit:
        return _sized(plain, extensions)
    if "8BITMIME" in extensions:
        return _sized(replace(plain, body_type="8BITMIME"), extensions)
    prefix = headers.remove(parcel.prefix, *SIGNATURES)  # ours are over the 8-bit form
    body = seven_bit(parcel.body) if prefix.isascii() else None
    if body is None:
        return Said(
            554,
            "5.6.3",
            "The message has 8-bit content, which the host does not take (8BITMIME), and it cannot be converted "
            "without breaking it",
        )
    return _sized(Content(prefix, body), extensions)


def _sized(content: Content, extensions: Extensions) -> Content | Said:
    largest = extensions.largest
    if largest and content.size > largest:
        return Said(
            552, "5.3.4", f"The message has {content.size} bytes, the host takes at most {largest} (SIZE)"
        )
    return content


def plan(parcel: Parcel, leases: Sequence[Lease], content: Content, host: Host, now: float) -> Plan | Said:
    """The commands for these recipients, or why none of them can be asked for."""
    message, extensions = leases[0].message, host.extensions
    try:
        sender = path_of(parcel.sender)
    except BadPath as problem:
        return Said(553, "5.1.7", f"The sender cannot be written in SMTP: {problem}")
    international = "SMTPUTF8" in extensions
    # A header with 8-bit characters whose client did not ask for SMTPUTF8 is old-fashioned, not international.
    if not international and (not sender.isascii() or (message.smtputf8 and parcel.utf8_header)):
        return Said(550, "5.6.7", "The message needs SMTPUTF8, which the host does not offer")
    parameters = _parameters(message, content, host, now)
    if isinstance(parameters, Said):
        return parameters
    asked: list[tuple[Lease, str]] = []
    refused: list[Result] = []
    for lease in leases:
        path = _recipient(lease, international)
        if isinstance(path, Said):
            refused.append(Result(lease, "failed", path))
        else:
            asked.append((lease, path))
    utf8 = parcel.utf8_header or not sender.isascii() or any(not path.isascii() for _, path in asked)
    if international and utf8:
        parameters.append("SMTPUTF8")
    mail = " ".join((f"MAIL FROM:<{sender}>", *parameters)) + "\r\n"
    commands = tuple((lease, _rcpt(lease, path, extensions, international and utf8)) for lease, path in asked)
    return Plan(mail.encode(), commands, tuple(refused), content)


def _recipient(lease: Lease, international: bool) -> str | Said:
    try:
        path = path_of(lease.recipient.recipient)
    except BadPath as problem:
        return Said(553, "5.1.3", f"The recipient cannot be written in SMTP: {problem}")
    if not path:
        return Said(553, "5.1.3", "The recipient is empty")
    if not path.isascii() and not international:
        return Said(550, "5.6.7", "The recipient's address needs SMTPUTF8, which the host does not offer")
    return path


def _parameters(message: QueuedMessage, content: Content, host: Host, now: float) -> list[str] | Said:
    """The parameters of MAIL."""
    extensions = host.extensions
    words: list[str] = []
    if "SIZE" in extensions:
        words.append(f"SIZE={content.size}")
    if content.body_type:
        words.append(f"BODY={content.body_type}")
    if "DSN" in extensions:
        if message.ret in ("FULL", "HDRS"):
            words.append(f"RET={message.ret}")
        if message.envid and _VALUE.fullmatch(message.envid):
            words.append(f"ENVID={message.envid}")
    if message.priority and "MT-PRIORITY" in extensions:
        words.append(f"MT-PRIORITY={message.priority}")
    if message.require_tls and not host.lmtp:
        if "REQUIRETLS" not in extensions or not host.encrypted:
            return Said(
                550,
                "5.7.30",
                "The sender requires TLS all the way (REQUIRETLS), which the host does not offer",
            )
        words.append("REQUIRETLS")
    by = _deliver_by(message, extensions, now)
    if isinstance(by, Said):
        return by
    return words + by


def _deliver_by(message: QueuedMessage, extensions: Extensions, now: float) -> list[str] | Said:
    """BY (RFC 2852 4): the time that is left. With mode R the message comes back where nobody can promise it."""
    if not message.deliver_by:
        return []
    mode = message.by_mode or "N"
    left = int(message.deliver_by - now)
    if mode.startswith("R"):
        if left <= 0:
            return Said(554, "5.4.7", "The time for delivery that the sender set is over (DELIVERBY)")
        if "DELIVERBY" not in extensions:
            return Said(
                554, "5.3.3", "The sender set a time for delivery (DELIVERBY), which the host does not keep"
            )
        if left < extensions.shortest_by:
            return Said(
                554, "5.4.7", f"The host promises delivery in {extensions.shortest_by} s, {left} s are left"
            )
    if "DELIVERBY" not in extensions:
        return []
    return [f"BY={max(-999999999, min(left, 999999999))};{mode}"]


def _rcpt(lease: Lease, path: str, extensions: Extensions, utf8: bool) -> bytes:
    command = f"RCPT TO:<{path}>"
    if "DSN" in extensions:
        recipient = lease.recipient
        if recipient.notify and _VALUE.fullmatch(recipient.notify):
            command += f" NOTIFY={recipient.notify}"
        if recipient.orcpt and (_UTF8_VALUE if utf8 else _VALUE).fullmatch(recipient.orcpt):
            command += f" ORCPT={recipient.orcpt}"
    return command.encode() + b"\r\n"
