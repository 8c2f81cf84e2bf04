"""Certificates that are kept in the database: taken into use in every worker, ordered and renewed in the first."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from posthouse.cluster.leases import PeriodicJob
from posthouse.database.contract import DatabaseUnavailable
from posthouse.manage.certificate_desk import CertificateDesk
from posthouse.manage.certificate_keeper import CertificateKeeper
from posthouse.manage.certificate_proofs import http_answer
from posthouse.server.built import Built
from posthouse.server.pieces import hostname
from posthouse.settings import certificates as settings_certificates

PLACE = "/.well-known/acme-challenge/"
"""Where HTTP-01 looks (RFC 8555 8.3)."""


async def attach(built: Built) -> None:
    """Follow the stored certificates; in the first worker, see to them and answer authorities."""
    config = built.share.config
    keeper = CertificateKeeper(
        built.database,
        built.feed,
        built.settings,
        built.contexts,
        Path(config.data) / "tls" / "kept",
        hostname(config),
    )
    await keeper.load()
    built.jobs.start(keeper.run(), "certificates")
    if not built.first:
        return
    desk = CertificateDesk(
        database=built.database,
        feed=built.feed,
        settings=built.settings,
        keeper=keeper,
        listeners=lambda: [listener for listener, _ in built.house.listeners],
        owner=built.owner,
    )
    built.stack.push_async_callback(desk.close)
    built.context.certificates = desk
    job = PeriodicJob(
        built.database,
        "certificates.renewal",
        lambda: built.settings.now[settings_certificates.LOOK_INTERVAL],
        desk.look,
        holder=built.owner,
    )
    built.jobs.start(job.run(), "renewal")
    built.http.acme_tls = built.contexts.challenge

    async def answer(request: Request) -> Response:
        token = request.url.path.removeprefix(PLACE)
        try:
            shown = await http_answer(built.database, token)
        except DatabaseUnavailable:
            return PlainTextResponse("The database cannot be reached.\n", 503)
        if not shown:
            return PlainTextResponse("No such challenge.\n", 404)
        return Response(shown, media_type="application/octet-stream")

    built.http.well_known.add(PLACE, answer)
