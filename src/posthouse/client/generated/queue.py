"""Queue. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from posthouse.client.topic import Topic, given, path_of


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How many recipients and messages are meant. `more`: it was counted up to there only."""

    recipients: int
    messages: int
    more: bool = False


class DestinationLine(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for one destination: `recipients`, and `held` ones; `more`: they were counted up to there
    only. `oldest` is when the oldest was received, `next_at` when the first is tried, `reason` the last
    reply word for word. After `failures` in a row it is left alone until `down_until`. Times in seconds
    since 1970, 0 for none."""

    destination: str
    recipients: int
    held: int
    more: bool
    oldest: float
    next_at: float
    reason: str
    paused: bool
    paused_by: str
    paused_at: float
    down_until: float
    failures: int


class DestinationList(msgspec.Struct, frozen=True, kw_only=True):
    """The destinations that mail waits for, of one page (by name) those with most first; and all that are
    paused, whether mail waits for them or not. `next` is the `after` of the page that follows, "" on the
    last."""

    destinations: list[DestinationLine]
    paused: list[PausedDestination]
    next: str = ""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. `recipients` were changed, of so many `messages`; `delivering` were left alone because
    they are being delivered at this moment."""

    recipients: int
    messages: int
    delivering: int = 0


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The header of a waiting message as text; its body is not shown."""

    id: int
    header: str


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient still owed; `row` names it. `state`: waiting, held, being delivered, paused (its
    destination is) or scheduled (its sender wants it to be sent at `not_before`). `hold` says why it is
    held: `admin` (by hand), `expired`, `burst` (its sender sent too much at once) or `route` (its route
    waits to be asked). `reason` is what was said last, word for word, by the host `remote` if one spoke,
    with `status`. `down_until`: its destination could not be reached and is left alone until then. Times in
    seconds since 1970, 0 for none."""

    recipient: str
    destination: str
    due_at: float
    expires_at: float
    attempts: int
    state: str
    reason: str
    row: int = 0
    hold: str = ""
    not_before: float = 0.0
    status: str = ""
    remote: str = ""
    down_until: float = 0.0
    notify: str = ""


class Paused(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the destination is paused now. `routes` by which mail for a paused domain may leave all the
    same: each is a destination of its own."""

    destination: str
    paused: bool
    routes: list[int] = []


class PausedDestination(msgspec.Struct, frozen=True, kw_only=True):
    """A paused destination (`*`: all of them), who paused it and when (seconds since 1970)."""

    destination: str
    by: str
    at: float


class ReasonLine(msgspec.Struct, frozen=True, kw_only=True):
    """Recipients that wait for the same `cause`: `status` is the code of the last reply, `hold` why they are
    held, `tried` False for those that were not tried yet. `reason` is one of their last replies, word for
    word."""

    cause: str
    status: str
    hold: str
    tried: bool
    recipients: int
    reason: str
    destination: str


class ReasonList(msgspec.Struct, frozen=True, kw_only=True):
    """Most first. `looked`: recipients that were looked at; `more`: the queue is longer than that."""

    reasons: list[ReasonLine]
    looked: int
    more: bool


class SenderLine(msgspec.Struct, frozen=True, kw_only=True):
    """What waits of one sender ("": the empty one). `more`: counted up to there only. `oldest`: when the
    first of them was received."""

    sender: str
    messages: int
    more: bool
    oldest: float


class SenderList(msgspec.Struct, frozen=True, kw_only=True):
    """Of one page (by name) those with most first. `next` is the `after` of the page that follows, "" on the
    last."""

    senders: list[SenderLine]
    next: str = ""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting message. `recipients` still owed, `held` of them until an administrator acts; `next_at`:
    when the first is tried. `recipient` is one of them, `destination` where that one goes and `reason` what
    was said about it last. Times in seconds since 1970."""

    id: int
    trace: str
    sender: str
    size: int
    received_at: float
    recipients: int
    held: int
    next_at: float
    attempts: int
    recipient: str = ""
    destination: str = ""
    reason: str = ""


class WaitingList(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first; with a destination or only held ones: those due next first. `total` counts all that wait
    or are found, up to 10000 (10001 stands for more); -1 where that would take too long. `next` is the
    `after` of the page that follows, "" on the last; a search in a long queue may come back with few or none
    and a `next`."""

    messages: list[Waiting]
    total: int
    next: str = ""


class WaitingMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting message with the recipients still owed; `next` is the `after` of those that follow, 0 when
    that is all. `kind`: `forward`, `notice` or `report` for what is not somebody's own mail. `priority`: -9
    to 9. `deliver_by`: until when it should be there, 0 for none. `require_tls`: it may only go over
    verified TLS."""

    id: int
    trace: str
    sender: str
    size: int
    received_at: float
    recipients: list[Owed]
    next: int = 0
    kind: str = ""
    priority: int = 0
    deliver_by: float = 0.0
    require_tls: bool = False


class QueueCalls(Topic):
    """Calls of the topic Queue."""

    def queue_list(
        self,
        *,
        destination: str = "",
        sender: str = "",
        recipient: str = "",
        reason: str = "",
        search: str = "",
        state: Literal["", "waiting", "held"] = "",
        older: str = "",
        limit: int = 100,
        after: str = "",
    ) -> WaitingList:
        """List the messages that wait. Administrators of domains see mail from and to their domains. Right:
        view."""
        return self._link.ask(
            "GET",
            "/queue",
            WaitingList,
            query=given(
                {},
                ("destination", destination, ""),
                ("sender", sender, ""),
                ("recipient", recipient, ""),
                ("reason", reason, ""),
                ("search", search, ""),
                ("state", state, ""),
                ("older", older, ""),
                ("limit", limit, 100),
                ("after", after, ""),
            ),
        )

    def queue_bounce(
        self,
        *,
        destination: str = "",
        sender: str = "",
        recipient: str = "",
        reason: str = "",
        search: str = "",
        state: Literal["", "waiting", "held"] = "",
        older: str = "",
        ids: Sequence[int] = (),
        row: int = 0,
        all: bool = False,
        idempotency_key: str = "",
    ) -> Done:
        """Give up waiting mail: its senders get the notice they would get at its expiry. Right: change."""
        return self._link.ask(
            "POST",
            "/queue/bounce",
            Done,
            body=given(
                {},
                ("destination", destination, ""),
                ("sender", sender, ""),
                ("recipient", recipient, ""),
                ("reason", reason, ""),
                ("search", search, ""),
                ("state", state, ""),
                ("older", older, ""),
                ("ids", ids, ()),
                ("row", row, 0),
                ("all", all, False),
            ),
            key=idempotency_key,
        )

    def queue_count(
        self,
        *,
        destination: str = "",
        sender: str = "",
        recipient: str = "",
        reason: str = "",
        search: str = "",
        state: Literal["", "waiting", "held"] = "",
        older: str = "",
        ids: Sequence[int] = (),
        row: int = 0,
        idempotency_key: str = "",
    ) -> Counted:
        """Count the waiting mail that is meant, before something is done to it. Right: view."""
        return self._link.ask(
            "POST",
            "/queue/count",
            Counted,
            body=given(
                {},
                ("destination", destination, ""),
                ("sender", sender, ""),
                ("recipient", recipient, ""),
                ("reason", reason, ""),
                ("search", search, ""),
                ("state", state, ""),
                ("older", older, ""),
                ("ids", ids, ()),
                ("row", row, 0),
            ),
            key=idempotency_key,
        )

    def queue_delete(
        self,
        *,
        destination: str = "",
        sender: str = "",
        recipient: str = "",
        reason: str = "",
        search: str = "",
        state: Literal["", "waiting", "held"] = "",
        older: str = "",
        ids: Sequence[int] = (),
        row: int = 0,
        all: bool = False,
        idempotency_key: str = "",
    ) -> Done:
        """Delete waiting mail for good. Nobody is told; its trace and the audit remember it. Right: change."""
        return self._link.ask(
            "POST",
            "/queue/delete",
            Done,
            body=given(
                {},
                ("destination", destination, ""),
                ("sender", sender, ""),
                ("recipient", recipient, ""),
                ("reason", reason, ""),
                ("search", search, ""),
                ("state", state, ""),
                ("older", older, ""),
                ("ids", ids, ()),
                ("row", row, 0),
                ("all", all, False),
            ),
            key=idempotency_key,
        )

    def queue_destinations(self, *, limit: int = 100, after: str = "", search: str = "") -> DestinationList:
        """Show what waits for each destination, which are paused or cannot be reached, and what they said
        last. Right: view."""
        return self._link.ask(
            "GET",
            "/queue/destinations",
            DestinationList,
            query=given({}, ("limit", limit, 100), ("after", after, ""), ("search", search, "")),
        )

    def queue_hold(
        self,
        *,
        destination: str = "",
        sender: str = "",
        recipient: str = "",
        reason: str = "",
        search: str = "",
        state: Literal["", "waiting", "held"] = "",
        older: str = "",
        ids: Sequence[int] = (),
        row: int = 0,
        all: bool = False,
        idempotency_key: str = "",
    ) -> Done:
        """Hold waiting mail: it is not tried until it is released, however long that takes. Right: change."""
        return self._link.ask(
            "POST",
            "/queue/hold",
            Done,
            body=given(
                {},
                ("destination", destination, ""),
                ("sender", sender, ""),
                ("recipient", recipient, ""),
                ("reason", reason, ""),
                ("search", search, ""),
                ("state", state, ""),
                ("older", older, ""),
                ("ids", ids, ()),
                ("row", row, 0),
                ("all", all, False),
            ),
            key=idempotency_key,
        )

    def queue_pause(self, *, destination: str, idempotency_key: str = "") -> Paused:
        """Stop delivery to a destination, or to all: mail for it is taken and waits. Right: change."""
        return self._link.ask(
            "POST", "/queue/pause", Paused, body=given({"destination": destination}), key=idempotency_key
        )

    def queue_reasons(self) -> ReasonList:
        """Show what the queue waits for: each cause, how many recipients, and a reply as an example. Right:
        view."""
        return self._link.ask("GET", "/queue/reasons", ReasonList)

    def queue_release(
        self,
        *,
        destination: str = "",
        sender: str = "",
        recipient: str = "",
        reason: str = "",
        search: str = "",
        state: Literal["", "waiting", "held"] = "",
        older: str = "",
        ids: Sequence[int] = (),
        row: int = 0,
        all: bool = False,
        idempotency_key: str = "",
    ) -> Done:
        """Let mail go that is held, whoever or whatever held it. Right: change."""
        return self._link.ask(
            "POST",
            "/queue/release",
            Done,
            body=given(
                {},
                ("destination", destination, ""),
                ("sender", sender, ""),
                ("recipient", recipient, ""),
                ("reason", reason, ""),
                ("search", search, ""),
                ("state", state, ""),
                ("older", older, ""),
                ("ids", ids, ()),
                ("row", row, 0),
                ("all", all, False),
            ),
            key=idempotency_key,
        )

    def queue_resume(self, *, destination: str, idempotency_key: str = "") -> Paused:
        """Deliver to a paused destination again. Right: change."""
        return self._link.ask(
            "POST", "/queue/resume", Paused, body=given({"destination": destination}), key=idempotency_key
        )

    def queue_retry(
        self,
        *,
        destination: str = "",
        sender: str = "",
        recipient: str = "",
        reason: str = "",
        search: str = "",
        state: Literal["", "waiting", "held"] = "",
        older: str = "",
        ids: Sequence[int] = (),
        row: int = 0,
        all: bool = False,
        idempotency_key: str = "",
    ) -> Done:
        """Try waiting mail now, also mail that is held. What is to be sent later waits for its time unless
        it is named by its id. Right: change."""
        return self._link.ask(
            "POST",
            "/queue/retry",
            Done,
            body=given(
                {},
                ("destination", destination, ""),
                ("sender", sender, ""),
                ("recipient", recipient, ""),
                ("reason", reason, ""),
                ("search", search, ""),
                ("state", state, ""),
                ("older", older, ""),
                ("ids", ids, ()),
                ("row", row, 0),
                ("all", all, False),
            ),
            key=idempotency_key,
        )

    def queue_senders(self, *, limit: int = 100, after: str = "", search: str = "") -> SenderList:
        """Show how much of each sender waits. Right: view."""
        return self._link.ask(
            "GET",
            "/queue/senders",
            SenderList,
            query=given({}, ("limit", limit, 100), ("after", after, ""), ("search", search, "")),
        )

    def queue_show(self, id: int, *, after: int = 0) -> WaitingMessage:
        """Show one waiting message and each recipient it is still owed to: what was said last, and when it
        is tried next. Right: view."""
        return self._link.ask(
            "GET", path_of("/queue/{}", id), WaitingMessage, query=given({}, ("after", after, 0))
        )

    def queue_header(self, id: int, *, after: int = 0) -> Header:
        """Show the header of a waiting message, to find out what it is. Right: read_mail."""
        return self._link.ask(
            "GET", path_of("/queue/{}/header", id), Header, query=given({}, ("after", after, 0))
        )
