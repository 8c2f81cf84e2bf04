"""The HTTP listeners, with the API and the web pages behind them."""

from __future__ import annotations

from posthouse.api import app
from posthouse.http.app import build
from posthouse.http.connection import Hosting
from posthouse.http.rate import Rates
from posthouse.manage.errors import ManageError
from posthouse.receive.injection import Injector
from posthouse.server.built import Built
from posthouse.server.pieces import current_hostname
from posthouse.settings import http as settings_http
from posthouse.settings.config import Config
from posthouse.web import site

CLOSE_SECONDS = 2.0
"""How long requests whose clients were cut off may take to end by themselves."""


async def attach(built: Built) -> None:
    """Let the faces send messages, and open this worker's HTTP listeners. Raises ManageError when a port is taken."""
    config = built.share.config

    def name() -> str:
        return current_hostname(config, built.settings)

    built.context.injection = Injector(built.receiving, name)
    if not built.first or not any(listener.protocol == "http" for listener in config.listeners):
        return
    rates = Rates(built.settings)
    pages = site.Site(built.context, rates)
    everything = build(
        parts=built.http,
        settings=built.settings,
        names=lambda: _names(built),
        hostname=name,
        secure_port=_secure_port(config),
        rates=rates,
        api=app.routes(built.context, rates, built.http.stopping),
        web=site.routes(pages),
        lost=site.not_found(pages),
    )
    hosting = Hosting(everything, built.http, built.settings)
    built.stack.push_async_callback(hosting.close, CLOSE_SECONDS)
    for listener, sockets in zip(config.listeners, built.share.sockets, strict=True):
        if listener.protocol != "http":
            continue
        try:
            await built.house.open(listener, sockets, hosting.connection)
        except OSError as error:
            raise ManageError(
                "unavailable", f"Cannot listen on port {listener.port}: {error}.", "Name another port."
            ) from error


def _names(built: Built) -> frozenset[str]:
    """The host names we answer to: our own, those of the certificates, and those of the setting."""
    further = built.settings.now[settings_http.NAMES].lower().split()
    return frozenset(
        {current_hostname(built.share.config, built.settings), *built.contexts.fingerprints, *further}
    )


def _secure_port(config: Config) -> int:
    """Where visitors of a plain listener are sent to; 0 where there is no https."""
    for listener in config.listeners:
        if listener.protocol == "http" and listener.tls == "implicit":
            return listener.port
    return 0
