"""One order from beginning to end (RFC 8555 7.1.6), with proofs of one kind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from posthouse.net.acme.client import AcmeClient, Authorization, Challenge, Order
from posthouse.net.acme.contract import Proof, Shower
from posthouse.net.acme.errors import AcmeError
from posthouse.net.acme.keys import make_request

Tell = Callable[[str], Awaitable[None]]
Remember = Callable[[str], Awaitable[None]]

LOOK_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0)
"""Seconds between two looks at what the authority is busy with; the last one again and again."""

LONGEST_LOOK = 30.0
"""The longest Retry-After that is kept within an order, in seconds."""

ORDER_SECONDS = 600.0
"""How long one order may take."""

_UNDONE = ("pending", "ready", "processing", "valid")


async def obtain(
    client: AcmeClient,
    hosts: Sequence[str],
    key_pem: str,
    shower: Shower,
    *,
    former: str = "",
    replaces: str = "",
    remember: Remember,
    tell: Tell,
) -> str:
    """The chain (PEM, leaf first) of a certificate for ``hosts`` and this key.

    ``former`` is the URL of an order that was interrupted: if it can still be completed, it is. ``remember``
    gets the URL of the order before anything is done about it. Raises AcmeError.
    """
    try:
        async with asyncio.timeout(ORDER_SECONDS):
            order = await _begin(client, hosts, former, replaces)
            await remember(order.url)
            if order.status == "pending":
                await _prove(client, order, shower, tell)
                order = await _settled(client, order.url, ("pending",))
            if order.status == "ready":
                await tell("The authority is convinced; handing in the certificate request")
                order = await client.finalize(order, make_request(key_pem, hosts))
            if order.status == "processing":
                order = await _settled(client, order.url, ("processing",))
            if order.status != "valid" or not order.certificate:
                raise order.error or AcmeError("answer", f"the order ended as {order.status or 'nothing'}")
            return await client.download(order)
    except TimeoutError:
        raise AcmeError("timeout", f"the order was not done within {ORDER_SECONDS:g} seconds") from None


async def _begin(client: AcmeClient, hosts: Sequence[str], former: str, replaces: str) -> Order:
    if former:
        try:
            order = await client.look_at_order(former)
            if order.status in _UNDONE:
                return order
        except AcmeError as error:
            if error.kind in ("unreachable", "rateLimited", "serverInternal"):
                raise
    try:
        return await client.order(hosts, replaces)
    except AcmeError as error:
        # RFC 9773 5: an order may be refused for what it replaces; the certificate is wanted all the same.
        if not replaces or error.kind not in ("alreadyReplaced", "malformed", "unauthorized"):
            raise
        return await client.order(hosts)


async def _prove(client: AcmeClient, order: Order, shower: Shower, tell: Tell) -> None:
    """Show the proofs of all names that are not proven yet, and wait for the verdicts."""
    open_ones = []
    for url in order.authorizations:
        authorization = await client.authorization(url)
        if authorization.status == "pending":
            open_ones.append((authorization, _choose(authorization, shower.kind)))
        elif authorization.status != "valid":
            raise _verdict(authorization, shower.kind)
    proofs = [
        Proof(authorization.host, challenge.token, client.key_authorization(challenge.token))
        for authorization, challenge in open_ones
    ]
    try:
        if proofs:
            await tell(f"Showing the proof ({shower.kind}) for {', '.join(sorted({p.host for p in proofs}))}")
            await shower.show(proofs)
        for _, challenge in open_ones:
            await client.answer(challenge)
        for authorization, _ in open_ones:
            await _convinced(client, authorization, shower.kind)
    finally:
        if proofs:
            await shower.hide(proofs)


def _choose(authorization: Authorization, kind: str) -> Challenge:
    for challenge in authorization.challenges:
        if challenge.kind == kind and challenge.url:
            return challenge
    raise AcmeError("challenge", f"the authority does not take {kind} for {authorization.host}")


async def _convinced(client: AcmeClient, authorization: Authorization, kind: str) -> None:
    for number in range(1_000_000):
        now = await client.authorization(authorization.url)
        if now.status == "valid":
            return
        if now.status not in ("pending", "processing"):
            raise _verdict(now, kind)
        await asyncio.sleep(LOOK_PAUSES[min(number, len(LOOK_PAUSES) - 1)])


def _verdict(authorization: Authorization, kind: str) -> AcmeError:
    error = authorization.error
    if error is None:
        return AcmeError("challenge", f"{authorization.host}: the authority says {authorization.status}")
    return AcmeError(error.kind, f"{authorization.host} ({kind}): {error.text}", error.retry_after)


async def _settled(client: AcmeClient, url: str, busy: tuple[str, ...]) -> Order:
    """The order once its status is none of ``busy``."""
    for number in range(1_000_000):
        order = await client.look_at_order(url)
        if order.status not in busy:
            return order
        pause = LOOK_PAUSES[min(number, len(LOOK_PAUSES) - 1)]
        await asyncio.sleep(min(max(pause, order.retry_after), LONGEST_LOOK))
    raise AssertionError("not reached")
