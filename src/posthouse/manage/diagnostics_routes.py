"""What checks of mail that leaves need to know of the routes."""

from __future__ import annotations

from posthouse.database.contract import Transaction
from posthouse.directory import routes
from posthouse.directory.routes import Route
from posthouse.manage.diagnostics import Look


async def smart_host_of(look: Look) -> Route | None:
    """The route that takes all mail no other route takes."""

    def op(tx: Transaction) -> Route | None:
        return next((each for each in routes.every(tx) if each.active and each.is_smart_host), None)

    return await look.context.database.scan(op)


async def outgoing_addresses(look: Look) -> tuple[str, ...]:
    """The addresses others see us come from, as far as is known: those that domains have of their own, and ours."""

    def op(tx: Transaction) -> list[str]:
        return [address for _, address in routes.sources(tx)]

    own = await look.context.database.scan(op)
    return tuple(dict.fromkeys((*own, *look.addresses.public)))
