"""Trying routes, with the parts that deliver mail."""

from __future__ import annotations

from posthouse.deliver.remote.contract import HostFinder, Sessions, TlsPolicies
from posthouse.deliver.remote.route_trial import RouteTrial
from posthouse.directory.routes import Route
from posthouse.manage.routes_views import RouteStep
from posthouse.server.built import Built


async def attach(built: Built) -> None:
    """Let administrators try routes with the parts that mail goes through."""
    out = built.sending
    built.context.routes = Trier(out.finder, out.tls, out.sessions)


class Trier:
    """A :class:`posthouse.manage.routes.RouteTester`."""

    def __init__(self, finder: HostFinder, policies: TlsPolicies, sessions: Sessions) -> None:
        self._trial = RouteTrial(finder, policies, sessions)

    async def test(self, route: Route, domain: str) -> list[RouteStep]:
        """What happens with each host of the route."""
        steps = await self._trial.test(route, domain)
        return [RouteStep(step.name, step.host, step.good, step.text) for step in steps]
