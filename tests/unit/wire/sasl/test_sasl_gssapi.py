"""GSSAPI (RFC 4752) with a context that does as the test says: the negotiation, and everything a client could send."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.wire import sasl
from posthouse.wire.sasl.contract import Challenge, CheckTicket, Failed, Step, Work
from posthouse.wire.sasl.gssapi import MAX_TOKEN, MOST_ROUNDS, Gssapi, Refused

ANNA = "anna@EXAMPLE.ORG"


class Context:
    """Tokens ``good`` end it, ``more`` ask for another, all else is refused; a seal is a prefix. ``answer`` comes with
    the end."""

    def __init__(self, answer: bytes | None = None) -> None:
        self.answer = answer
        self.complete = False
        self.principal = ANNA
        self.seen: list[bytes] = []

    def accept(self, token: bytes) -> bytes | None:
        assert not self.complete
        self.seen.append(token)
        if token == b"more":
            return b"and then?"
        if token != b"good":
            raise Refused("Token header is malformed")
        self.complete = True
        return self.answer

    def wrap(self, data: bytes) -> bytes:
        assert self.complete
        return b"sealed:" + data

    def unwrap(self, data: bytes) -> bytes:
        assert self.complete
        if not data.startswith(b"sealed:"):
            raise Refused("A token had an invalid MIC")
        return data.removeprefix(b"sealed:")


def done(step: Step) -> Step:
    """The step, with the work that it may be done."""
    return step.run() if isinstance(step, Work) else step


def talked(context: Context, *responses: bytes) -> Step:
    """What an exchange comes to that begins without an initial response."""
    exchange = Gssapi(lambda: context)
    step = exchange.start(None)
    assert step == Challenge(b"")
    for response in responses:
        assert isinstance(step, Challenge), step
        step = done(exchange.respond(response))
    return step


def test_an_exchange_from_end_to_end() -> None:
    """Without a last token of ours the offer comes at once; the only layer is none, and of size 0."""
    assert talked(Context(), b"good") == Challenge(b"sealed:\1\0\0\0")
    assert talked(Context(), b"good", b"sealed:\1\0\0\0") == CheckTicket(ANNA, "")
    assert talked(Context(), b"more", b"good", b"sealed:\1\0\0\0anna") == CheckTicket(ANNA, "anna")
    exchange = Gssapi(Context)
    assert done(exchange.start(b"good")) == Challenge(b"sealed:\1\0\0\0")


def test_our_last_token_is_answered_with_nothing() -> None:
    assert talked(Context(b"last"), b"good") == Challenge(b"last")
    assert talked(Context(b"last"), b"good", b"") == Challenge(b"sealed:\1\0\0\0")
    assert talked(Context(b"last"), b"good", b"", b"sealed:\1\0\0\0x") == CheckTicket(ANNA, "x")
    refused = talked(Context(b"last"), b"good", b"more")
    assert isinstance(refused, Failed)
    assert refused.malformed


def test_a_name_may_end_as_in_c() -> None:
    assert talked(Context(), b"good", b"sealed:\1\0\0\0anna\0") == CheckTicket(ANNA, "anna")


@pytest.mark.parametrize(
    "choice", [b"", b"\1", b"\1\0\0", b"\1\0\0\0\xff", b"\1\0\0\0a\0b", b"\1\0\0\0a\r\n"]
)
def test_choices_that_are_malformed(choice: bytes) -> None:
    step = talked(Context(), b"good", b"sealed:" + choice)
    assert isinstance(step, Failed)
    assert step.malformed


@pytest.mark.parametrize("layer", [0, 2, 3, 4, 5, 255])
def test_a_layer_that_was_not_offered_is_refused(layer: int) -> None:
    step = talked(Context(), b"good", b"sealed:" + bytes([layer]) + b"\0\0\0")
    assert isinstance(step, CheckTicket)
    assert (step.principal, "layer" in step.reason) == ("", True)


def test_what_kerberos_refuses_names_nobody() -> None:
    assert talked(Context(), b"nonsense") == CheckTicket("", reason="Token header is malformed")
    assert talked(Context(), b"good", b"\1\0\0\0") == CheckTicket("", reason="A token had an invalid MIC")


def test_our_own_trouble_is_temporary() -> None:
    def opened() -> Context:
        raise Refused("the keytab cannot be used", temporary=True)

    step = done(Gssapi(opened).start(b"good"))
    assert step == CheckTicket("", reason="the keytab cannot be used", temporary=True)


def test_tokens_have_a_largest_size_and_number() -> None:
    context = Context()
    step = Gssapi(lambda: context).start(b"x" * (MAX_TOKEN + 1))
    assert isinstance(step, Failed)
    assert step.malformed
    assert context.seen == []
    endless = talked(Context(), *[b"more"] * MOST_ROUNDS)
    assert endless == CheckTicket("", reason="too many tokens")


@given(
    st.lists(
        st.one_of(st.sampled_from([b"", b"good", b"more", b"sealed:\1\0\0\0", b"*"]), st.binary(max_size=40))
    )
)
def test_whatever_comes_nobody_is_proven_but_in_order(responses: list[bytes]) -> None:
    """Any responses in any order end in a refusal, or in a ticket that was good and a choice that was sealed."""
    context = Context()
    exchange = Gssapi(lambda: context)
    step: Step = Challenge(b"")
    for response in responses:
        step = done(exchange.respond(response))
        if not isinstance(step, Challenge):
            break
    if isinstance(step, CheckTicket) and step.principal:
        assert context.complete
        assert context.seen[-1] == b"good"
    after = done(exchange.respond(b"good")) if not isinstance(step, Challenge) else None
    assert after is None or isinstance(after, Failed)


@pytest.mark.parametrize("opened", [Context, None])
def test_it_is_offered_where_there_is_a_keytab(opened: Callable[[], Context] | None) -> None:
    there = opened is not None
    assert ("GSSAPI" in sasl.available(channel_binding=None, tickets=there)) == there
    assert (sasl.mechanism("gssapi", channel_binding=None, tickets=opened) is not None) == there
