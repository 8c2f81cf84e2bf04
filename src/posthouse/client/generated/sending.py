"""Sending. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

import msgspec

from posthouse.client.topic import Topic, given, path_of


class Braked(msgspec.Struct, frozen=True, kw_only=True):
    """An account. `state`: `free`, `braked` (its mail is taken and held) or `blocked` (its mail is refused),
    since `since` (seconds since 1970) by `by` ("" is the brake itself). `sent`: recipients in the hour
    before it was braked, `usual` in its usual busiest hour (0: not known). `held`: recipients whose mail is
    held, counted up to 10001."""

    address: str
    state: str
    since: float = 0.0
    by: str = ""
    reason: str = ""
    sent: int = 0
    usual: int = 0
    held: int = 0


class BrakedList(msgspec.Struct, frozen=True, kw_only=True):
    """By address. `next` is the `after` of the page that follows, "" on the last."""

    accounts: list[Braked]
    next: str = ""


class Freed(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the account now, and how many recipients' mail was let go, given back or deleted."""

    address: str
    state: str
    recipients: int = 0


class HeldSample(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient of a held message, with its subject and the address it was sent as. `id` names it in the
    queue."""

    id: int
    trace: str
    sender: str
    recipient: str
    subject: str
    size: int
    received_at: float


class HeldSamples(msgspec.Struct, frozen=True, kw_only=True):
    """The first that are held."""

    address: str
    samples: list[HeldSample]


class LimitException(msgspec.Struct, frozen=True, kw_only=True):
    """The exceptions of an account or domain; null where the settings say."""

    of: str
    messages_hour: int | None = None
    recipients_hour: int | None = None
    messages_day: int | None = None
    recipients_day: int | None = None
    burst_hour: int | None = None
    burst_minutes: int | None = None


class LimitExceptions(msgspec.Struct, frozen=True, kw_only=True):
    """In the order in which they were made. `next` is the `after` of the page that follows, 0 on the last."""

    exceptions: list[LimitException]
    next: int = 0


class Limited(msgspec.Struct, frozen=True, kw_only=True):
    """One limit: `most` (0: none), `used` of it, and whether it is an exception made for this one."""

    most: int
    used: int
    exception: bool = False


class SenderLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What an account, a domain or an address may send, and what it did in the last hour and in 24 hours (at
    most two seconds ago). `burst_hour` and `burst_minutes` are of the brake; `usual` is what its usual
    busiest hour has, 0 while that is not known."""

    of: str
    kind: str
    messages_hour: Limited
    recipients_hour: Limited
    messages_day: Limited
    recipients_day: Limited
    burst_hour: Limited | None = None
    burst_minutes: Limited | None = None
    usual: int = 0


class SendingCalls(Topic):
    """Calls of the topic Sending."""

    def sending_show(self, address: str) -> Braked:
        """Show whether an account may send, and how much of its mail is held. Right: view."""
        return self._link.ask("GET", path_of("/sending/accounts/{}", address), Braked)

    def sending_block(self, address: str, *, reason: str = "", idempotency_key: str = "") -> Freed:
        """Let an account send nothing more; whatever it submits is refused. What is held stays held. Right:
        change."""
        return self._link.ask(
            "POST",
            path_of("/sending/accounts/{}/block", address),
            Freed,
            body=given({}, ("reason", reason, "")),
            key=idempotency_key,
        )

    def sending_reject(
        self, address: str, *, bounce: bool = False, block: bool = True, idempotency_key: str = ""
    ) -> Freed:
        """Throw an account's held mail away, or give it back; and block its sending, unless that is not
        wanted. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/sending/accounts/{}/reject", address),
            Freed,
            body=given({}, ("bounce", bounce, False), ("block", block, True)),
            key=idempotency_key,
        )

    def sending_release(self, address: str, *, idempotency_key: str = "") -> Freed:
        """Let an account send again, and all its held mail go. What it sent before does not count for the
        brake. Right: change."""
        return self._link.ask(
            "POST", path_of("/sending/accounts/{}/release", address), Freed, key=idempotency_key
        )

    def sending_samples(self, address: str) -> HeldSamples:
        """Show whom the first of an account's held messages are for, and their subjects, to find out what
        they are. Right: read_mail."""
        return self._link.ask("GET", path_of("/sending/accounts/{}/samples", address), HeldSamples)

    def sending_unblock(self, address: str, *, idempotency_key: str = "") -> Freed:
        """Let a blocked account send again; what is held of it goes. Right: change."""
        return self._link.ask(
            "POST", path_of("/sending/accounts/{}/unblock", address), Freed, key=idempotency_key
        )

    def sending_braked(self, *, limit: int = 200, after: str = "") -> BrakedList:
        """List the accounts whose mail is held, and those that may not send. Right: view."""
        return self._link.ask(
            "GET", "/sending/braked", BrakedList, query=given({}, ("limit", limit, 200), ("after", after, ""))
        )

    def sending_exceptions(self, *, limit: int = 200, after: int = 0) -> LimitExceptions:
        """List the accounts and domains with limits of their own. Right: view."""
        return self._link.ask(
            "GET",
            "/sending/limits",
            LimitExceptions,
            query=given({}, ("limit", limit, 200), ("after", after, 0)),
        )

    def sending_unset(self, of: str) -> SenderLimits:
        """Take the exceptions of an account or a domain back: the settings count again. Right: change."""
        return self._link.ask("DELETE", path_of("/sending/limits/{}", of), SenderLimits)

    def sending_limits(self, of: str) -> SenderLimits:
        """Show how much an account, a domain or an address of strangers may send, and how much of that is
        used. Right: view."""
        return self._link.ask("GET", path_of("/sending/limits/{}", of), SenderLimits)

    def sending_set(
        self,
        of: str,
        *,
        messages_hour: int | None = None,
        recipients_hour: int | None = None,
        messages_day: int | None = None,
        recipients_day: int | None = None,
        burst_hour: int | None = None,
        burst_minutes: int | None = None,
    ) -> SenderLimits:
        """Give an account or a domain limits of its own. Right: change."""
        return self._link.ask(
            "PUT",
            path_of("/sending/limits/{}", of),
            SenderLimits,
            body=given(
                {},
                ("messages_hour", messages_hour, None),
                ("recipients_hour", recipients_hour, None),
                ("messages_day", messages_day, None),
                ("recipients_day", recipients_day, None),
                ("burst_hour", burst_hour, None),
                ("burst_minutes", burst_minutes, None),
            ),
        )
