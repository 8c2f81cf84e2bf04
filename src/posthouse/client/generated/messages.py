"""Messages. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from posthouse.client.link import Download
from posthouse.client.topic import Topic, given, path_of


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that goes along. `content` in base64, `type` its media type."""

    name: str
    content: bytes
    type: str = "application/octet-stream"


class CopyView(msgspec.Struct, frozen=True, kw_only=True):
    """One copy. `size` in bytes as IMAP tells it, dates in seconds since 1970, `body` the SHA-256 of its
    file."""

    account: str
    mailbox: str
    uid: int
    modseq: int
    flags: list[str]
    internal_date: int
    size: int
    body: str
    email_id: str
    thread_id: str


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """A message: its copies, its header (as text, of the first copy) and its parts."""

    copies: list[CopyView]
    header: str
    parts: list[PartView]


class PartView(msgspec.Struct, frozen=True, kw_only=True):
    """One MIME part: `section` as in BODY[section], `size` of its encoded body in bytes."""

    section: str
    type: str
    encoding: str
    size: int


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was taken. `trace` finds what becomes of it: `message trace`."""

    trace: str
    size: int
    recipients: list[SentTo]


class SentTo(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient. `accepted`: the message is durably kept for it; `text` says where, or why not."""

    address: str
    accepted: bool
    text: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was noted, at seconds since 1970."""

    at: float
    stage: str
    text: str


class StillOwed(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient of a message that still waits as `queue`: see `queue show`. `state`: waiting, held,
    being delivered, paused or scheduled; `next_at`: when it is tried next, `expires_at`: until when that
    goes on (seconds since 1970); `reason`: the last reply, word for word."""

    queue: int
    recipient: str
    state: str
    next_at: float
    expires_at: float
    reason: str


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """The story of one trace id, and who still waits for the message."""

    trace: str
    steps: list[Step]
    waiting: list[StillOwed] = []


class Traces(msgspec.Struct, frozen=True, kw_only=True):
    """One story for each time the message came in."""

    traces: list[Trace]


class MessagesCalls(Topic):
    """Calls of the topic Messages."""

    def message_send(
        self,
        *,
        sender: str = "",
        to: Sequence[str] = (),
        cc: Sequence[str] = (),
        bcc: Sequence[str] = (),
        reply_to: str = "",
        subject: str = "",
        text: str = "",
        html: str = "",
        attachments: Sequence[Attachment] = (),
        headers: Mapping[str, str] | None = None,
        raw: bytes = b"",
        send_at: str = "",
        priority: int = 0,
        require_tls: bool = False,
        notify: Sequence[str] = (),
        ret: str = "",
        envid: str = "",
        envelope_from: str = "",
        idempotency_key: str = "",
    ) -> Sent:
        """Send a message. Everybody may from their own addresses, administrators also from those they look
        after. It goes the way of a submitted message; what becomes of each recipient is answered. Right:
        send."""
        return self._link.ask(
            "POST",
            "/messages",
            Sent,
            body=given(
                {},
                ("from", sender, ""),
                ("to", to, ()),
                ("cc", cc, ()),
                ("bcc", bcc, ()),
                ("reply_to", reply_to, ""),
                ("subject", subject, ""),
                ("text", text, ""),
                ("html", html, ""),
                ("attachments", attachments, ()),
                ("headers", headers, None),
                ("raw", raw, b""),
                ("send_at", send_at, ""),
                ("priority", priority, 0),
                ("require_tls", require_tls, False),
                ("notify", notify, ()),
                ("ret", ret, ""),
                ("envid", envid, ""),
                ("envelope_from", envelope_from, ""),
            ),
            key=idempotency_key,
        )

    def message_show(self, message: str) -> MessageView:
        """Show where a message is kept, its flags, its header and its parts. Right: read_mail."""
        return self._link.ask("GET", path_of("/messages/{}", message), MessageView)

    def message_raw(self, message: str) -> Download:
        """Give the bytes of a message, just as IMAP would, in pieces. Right: read_mail."""
        return self._link.download("GET", path_of("/messages/{}/raw", message))

    def message_trace(self, message: str) -> Traces:
        """Tell what each stage decided about a message, and why. Right: view."""
        return self._link.ask("GET", path_of("/messages/{}/trace", message), Traces)
