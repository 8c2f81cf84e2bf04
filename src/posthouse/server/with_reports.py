"""Reports about TLS, and the policies of others: sent, fetched anew and cleaned away, in one worker at a time."""

from __future__ import annotations

import time

from posthouse.cluster.leases import PeriodicJob
from posthouse.database.contract import Transaction
from posthouse.deliver.remote.parcel import is_ascii
from posthouse.deliver.remote.tls_report_send import TlsReportSender
from posthouse.mail.address import parse_address
from posthouse.queue.contract import REPORT, QueuedMessage, QueuedRecipient
from posthouse.receive.trace import new_trace
from posthouse.server.built import Built
from posthouse.server.pieces import current_hostname
from posthouse.settings import tls_out as settings_tls_out

REFRESH_SECONDS = 3600.0
CLEAN_SECONDS = 3600.0


async def attach(built: Built) -> None:
    """Attach it to the worker."""
    out = built.sending

    async def send(address: str, message: bytes) -> None:
        await queue_report(built, address, message)

    sender = TlsReportSender(
        built.database,
        out.resolver,
        built.settings,
        send,
        lambda: current_hostname(built.share.config, built.settings),
    )
    for name, period, work in (
        ("tls.reports.send", lambda: built.settings.now[settings_tls_out.SEND_INTERVAL], sender.once),
        ("tls.reports.clean", lambda: CLEAN_SECONDS, out.reader.clean),
        ("tls.policies", lambda: REFRESH_SECONDS, out.sts.refresh),
    ):
        job = PeriodicJob(built.database, name, period, work, holder=built.owner)
        built.jobs.start(job.run(), name)


async def queue_report(built: Built, address: str, message: bytes) -> None:
    """Queue a report to somebody's postmaster; nobody is told should it not arrive. Raises ValueError for what is no
    address, DatabaseUnavailable."""
    places = await built.sending.destination_of(parse_address(address))
    recipients = [
        QueuedRecipient(str(leads_to), destination, account_id, notify="NEVER")
        for leads_to, destination, account_id in places
    ]
    spool = built.bodies.spool()
    try:
        spool.write(message)
        body = spool.finish()
    except BaseException:
        spool.discard()
        raise
    queued = QueuedMessage(
        trace=new_trace(),
        body=body.digest,
        size=body.size,
        sender="",
        received_at=time.time(),
        body_type="7BIT" if is_ascii(message) else "8BITMIME",
        kind=REPORT,
    )

    def op(tx: Transaction) -> None:
        built.bodies.claim(tx, body.digest, body.size)
        built.queue.put(tx, queued, recipients)

    try:
        await built.durability.commit([body], op)
    finally:
        body.discard()
