"""The way back of return addresses (SRS): what ``origin.srs`` says, asked for one address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import time

from posthouse.mail.address import Address, parse_address
from posthouse.observe.log import logger
from posthouse.origin.srs import Srs, SrsError

_log = logger("route.returns")


class SrsReturns:
    """Answers for addresses made by one of our domains (``resolve.Returns``). ``current`` gives the keys of now, None
    while nothing is rewritten here."""

    def __init__(
        self, current: Callable[[], Awaitable[Srs | None]], clock: Callable[[], float] = time
    ) -> None:
        self._current = current
        self._clock = clock

    async def original(self, address: Address) -> Address | None:
        """The sender that the address was made from; None for what is forged, too old or broken: it is then a name
        that nobody has. Raises DatabaseUnavailable."""
        srs = await self._current()
        if srs is None:
            return None
        try:
            return parse_address(srs.reverse(str(address), self._clock()))
        except (SrsError, ValueError) as problem:
            _log.info("srs.refused", recipient=address.key, reason=str(problem))
            return None
