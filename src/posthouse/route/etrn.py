"""ETRN (RFC 1985): a host asks for the mail that its route keeps for it.

Names are ``example.org`` (routes of exactly that domain), ``@example.org`` (and of everything below it) and ``#7`` (the
route of that number). Who may ask is said by each route: networks, and accounts that have signed in. Whether a route
exists is not told to others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import time

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory import routes
from posthouse.directory.contract import Directory
from posthouse.directory.routes import Route
from posthouse.directory.routes_live import RouteBook
from posthouse.mail.address import parse_domain
from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal, our_fault
from posthouse.observe.log import logger
from posthouse.queue.contract import ROUTE
from posthouse.queue.etrn import release
from posthouse.settings import route as settings_route
from posthouse.settings.contract import CurrentSettings

_log = logger("route.etrn")

CHUNK = 500
"""Rows released by one unit."""


class Etrn:
    """Answers ETRN. ``clock`` tells seconds since 1970."""

    def __init__(
        self,
        *,
        book: RouteBook,
        directory: Directory,
        database: Database,
        settings: CurrentSettings,
        feed: Feed,
        clock: Callable[[], float] = time,
    ) -> None:
        self._book = book
        self._directory = directory
        self._database = database
        self._settings = settings
        self._feed = feed
        self._clock = clock

    async def request(self, node: str, origin: Origin) -> int:
        """How many recipients waited for a node whose mail is sent now (``receive.contract.Etrn``). Raises Refusal:
        501 for what is no name, 459 where this peer may not ask or there is no such route (which is not told apart),
        451."""
        name = node.strip()
        matches = _matcher(name)
        try:
            wanted = [route for route in await self._book.routes() if matches(route)]
            allowed = [route for route in wanted if await self._may_ask(route, origin)]
            if not allowed:
                cause = "not allowed to ask" if wanted else "no such route"
                raise Refusal(459, "4.7.1", f"Node {name} not allowed", cause=cause)
            count = await self.ask_for(allowed)
        except DatabaseUnavailable as problem:
            raise our_fault(str(problem)) from problem
        _log.info("etrn.asked", node=name, peer=origin.address, login=origin.login, recipients=count)
        return count

    async def ask_for(self, wanted: Sequence[Route]) -> int:
        """Give away what waits for these routes, and what comes for a while; how many recipients waited. Raises
        DatabaseUnavailable."""
        until = self._clock() + self._settings.now[settings_route.ETRN_TIME]
        return await give_away(
            self._database, self._feed, [route.id for route in wanted], until, self._clock()
        )

    async def _may_ask(self, route: Route, origin: Origin) -> bool:
        if settings_route.within(origin.address, route.etrn_networks):
            return True
        if origin.account_id is None or not route.etrn_accounts:
            return False
        account = await self._directory.account(origin.account_id)
        return account is not None and account.address in route.etrn_accounts.split()


async def give_away(
    database: Database, feed: Feed, route_ids: Sequence[int], until: float, now: float
) -> int:
    """Let routes give their mail away until then, and have what waits for them tried now; how many recipients these
    are. In units of bounded size: what is cut off between two of them is asked for again. Raises
    DatabaseUnavailable."""
    await database.run(routes.ask_for, route_ids, until, feed)
    total = 0
    for each in route_ids:
        after = 0
        while True:
            changed, after = await database.run(_release, each, after, now, feed)
            total += changed
            if not after:
                break
    return total


def _release(tx: Transaction, route_id: int, after: int, now: float, feed: Feed) -> tuple[int, int]:
    return release(tx, f"{ROUTE}{route_id}", after, CHUNK, now, feed=feed)


def _matcher(name: str) -> Callable[[Route], bool]:
    """Which routes a name is for. Raises Refusal (501)."""
    if name.startswith("#"):
        number = name[1:]
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            raise Refusal(501, "5.5.4", "No such queue: write # and the number of a route")
        return lambda route: route.id == int(number)
    below = name.startswith("@")
    try:
        domain = parse_domain(name.removeprefix("@"))
    except ValueError as problem:
        raise Refusal(501, "5.5.4", f"No domain: {problem}") from None

    def matches(route: Route) -> bool:
        pattern = route.recipient.rpartition("@")[2].removeprefix("*.")
        if not below:
            return route.domain == domain
        return pattern == domain or pattern.endswith(f".{domain}")

    return matches
