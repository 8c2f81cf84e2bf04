"""Set-up. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from typing import Literal

import msgspec

from posthouse.client.generated.shared import Finding, Findings
from posthouse.client.link import Stream
from posthouse.client.topic import Topic, given


class Outward(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the message. `state`: `none` (nothing was sent), `waiting`, `sent`, `deferred` (tried,
    and tried again at `next_at`, in seconds since 1970), `paused`, `failed`. `host` was asked, and the way
    there secured by `tls` ("" for clear text, or where nobody knows). `words`: what the other server said,
    word for word. `cause`, `what` and `mend` say why it did not leave, and what helps. `queue`: its id
    there."""

    state: str
    address: str = ""
    trace: str = ""
    queue: int = 0
    sent_at: float = 0.0
    next_at: float = 0.0
    steps: list[OutwardStep] = []
    host: str = ""
    tls: str = ""
    words: str = ""
    cause: str = ""
    what: str = ""
    mend: str = ""


class OutwardStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step on the way out: `queued`, `host` (the other server was found and answers), `tls`, `accepted`."""

    name: str
    state: Literal["done", "now", "failed", "open"]
    text: str


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What is proposed for a mail address. `hostname_leads_to`: the addresses that the DNS has for it now;
    `mx`: where the domain's mail goes now. `notes` say what to think about."""

    address: str
    domain: str
    hostname: str
    addresses: list[str]
    own_addresses: list[str]
    hostname_leads_to: list[str]
    mx: list[str]
    notes: list[str]


class SetUp(msgspec.Struct, frozen=True, kw_only=True):
    """What was made. `todo` is what is left."""

    address: str
    domain: str
    hostname: str
    todo: list[Todo]


class SetupState(msgspec.Struct, frozen=True, kw_only=True):
    """`needed`: nobody administers the server yet. `address` and `domain` are what was answered before (""
    if nothing was), `hostname` what is proposed; `named`: name and addresses were answered, too. `done_at`
    in seconds since 1970, 0 if set-up never ended."""

    needed: bool
    address: str
    domain: str
    hostname: str
    addresses: list[str]
    own_addresses: list[str]
    done_at: float
    named: bool = False


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """It arrived. `seconds` from handing it in until it was read back."""

    address: str
    trace: str
    mailbox: str
    uid: int
    seconds: float


class Todo(msgspec.Struct, frozen=True, kw_only=True):
    """One thing left to do: what is the matter and how to mend it. `state` is `bad` or `warn`. `order`: host
    names for which a certificate can be ordered to mend it."""

    name: str
    subject: str
    state: str
    text: str
    mend: str
    order: list[str] = []


class TodoList(msgspec.Struct, frozen=True, kw_only=True):
    """What is left to do, the worst first. `checked_at`: when that was found out, in seconds since 1970; 0
    for never. `dismissed`: what nobody wants to be reminded of."""

    todo: list[Todo]
    checked_at: float
    dismissed: list[Todo]


class SetUpCalls(Topic):
    """Calls of the topic Set-up."""

    def setup_state(self) -> SetupState:
        """Show whether the server still has to be set up, and how far that has come. Right: view."""
        return self._link.ask("GET", "/setup", SetupState)

    def setup_begin(self, *, address: str, idempotency_key: str = "") -> Proposal:
        """Propose domain, host name and addresses for the first mail address. What was answered before for
        it is proposed again. Right: change."""
        return self._link.ask(
            "POST", "/setup/begin", Proposal, body=given({"address": address}), key=idempotency_key
        )

    def setup_check(self, *, domain: str, hostname: str, addresses: str = "") -> Stream[Finding, Findings]:
        """Check everything around the server as it would be with this name and domain; what is wrong is kept
        as what is left to do. Right: view. What is told on the way can be iterated over; `wait()` gives the
        result."""
        return self._link.stream(
            "POST",
            "/setup/check",
            Findings,
            (Finding,),
            body=given({"domain": domain, "hostname": hostname}, ("addresses", addresses, "")),
        )

    def setup_dismiss(
        self, *, name: str, subject: str = "", back: bool = False, idempotency_key: str = ""
    ) -> TodoList:
        """Do not be reminded of one thing that is left to do, until it gets worse or comes back; or be
        reminded again. Right: change."""
        return self._link.ask(
            "POST",
            "/setup/dismiss",
            TodoList,
            body=given({"name": name}, ("subject", subject, ""), ("back", back, False)),
            key=idempotency_key,
        )

    def setup_finish(
        self,
        *,
        address: str,
        password: str,
        hostname: str = "",
        addresses: str = "",
        certificate: bool = False,
        idempotency_key: str = "",
    ) -> SetUp:
        """Make the domain, the first administrator's account and the server's name. Refused once there is an
        administrator. Right: change."""
        return self._link.ask(
            "POST",
            "/setup/finish",
            SetUp,
            body=given(
                {"address": address, "password": password},
                ("hostname", hostname, ""),
                ("addresses", addresses, ""),
                ("certificate", certificate, False),
            ),
            key=idempotency_key,
        )

    def setup_name(self, *, hostname: str, addresses: str = "", idempotency_key: str = "") -> SetupState:
        """Remember name and addresses for the end of set-up. Nothing is changed yet. Right: change."""
        return self._link.ask(
            "POST",
            "/setup/name",
            SetupState,
            body=given({"hostname": hostname}, ("addresses", addresses, "")),
            key=idempotency_key,
        )

    def setup_outward_state(self) -> Outward:
        """Tell what became of the test message that was sent last. Right: view."""
        return self._link.ask("GET", "/setup/outward", Outward)

    def setup_outward(self, *, address: str, idempotency_key: str = "") -> Outward:
        """Send a test message to an address outside, and tell how far it came; ask for its state to follow
        it. Right: send."""
        return self._link.ask(
            "POST", "/setup/outward", Outward, body=given({"address": address}), key=idempotency_key
        )

    def setup_test_message(self, *, address: str = "", idempotency_key: str = "") -> Tested:
        """Send a first message to a mailbox of ours and read it back. Right: send."""
        return self._link.ask(
            "POST",
            "/setup/test-message",
            Tested,
            body=given({}, ("address", address, "")),
            key=idempotency_key,
        )

    def setup_todo(self, *, check: bool = False) -> TodoList:
        """List what set-up left to do; with `check`, look again which of it is done. Right: view."""
        return self._link.ask("GET", "/setup/todo", TodoList, query=given({}, ("check", check, False)))
