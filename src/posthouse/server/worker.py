"""One worker: the road a message travels, assembled from top to bottom, and the faces at its end."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from posthouse.access.imap.service import ImapService
from posthouse.access.imap.sharing import Sharing
from posthouse.access.pop3 import Pop3Session
from posthouse.bodies.durable import durable
from posthouse.bodies.files import FileBodies
from posthouse.bodies.removal import Removal
from posthouse.bodies.side import SideRecord
from posthouse.cluster.agreement import Agreement
from posthouse.cluster.jobs import Jobs
from posthouse.cluster.leases import PeriodicJob
from posthouse.cluster.local import LocalFeed
from posthouse.cluster.member import Member
from posthouse.cluster.share import Share
from posthouse.cluster.stop import Stop
from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.database.open import open_database
from posthouse.database.urls import BadUrl
from posthouse.deliver.acceptance import AcceptanceDesk
from posthouse.directory import masked
from posthouse.directory.live import LiveSettings
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.http.parts import HttpParts
from posthouse.manage.context import Context, LiveState
from posthouse.manage.control import ControlServer
from posthouse.manage.errors import ManageError
from posthouse.manage.sharing import noted as noted_rights
from posthouse.net.connection import Connection
from posthouse.net.house import House
from posthouse.net.limits import ConnectionLimits
from posthouse.net.tls import AskingContexts
from posthouse.observe.log import logger
from posthouse.queue.refusals import Refusals
from posthouse.queue.service import QueueService
from posthouse.receive.parts import Kind, Parts
from posthouse.receive.session import Session
from posthouse.receive.signatures import SignatureDesk
from posthouse.route.reception import ReceptionDesk
from posthouse.route.sending_limits import SendingDesk
from posthouse.route.shared_senders import SharedSenders
from posthouse.route.space import Space
from posthouse.server import (
    sending,
    with_autoban,
    with_backup,
    with_bans,
    with_certificates,
    with_entry,
    with_events,
    with_http,
    with_identity,
    with_keeping,
    with_kerberos,
    with_listeners,
    with_lists,
    with_maildrop,
    with_networks,
    with_oauth,
    with_observation,
    with_probation,
    with_ranges,
    with_replica,
    with_reports,
    with_routes,
    with_senders,
    with_setup,
    with_signing,
    with_sources,
    with_suppressions,
    with_words,
)
from posthouse.server.built import Built
from posthouse.server.imap_quotas import ImapQuotas
from posthouse.server.pieces import (
    close_house,
    current_hostname,
    database_trouble,
    database_url,
    hostname,
    states_of,
    tls_contexts,
)
from posthouse.settings import all as _every_setting  # noqa: F401 - declares them before values are read
from posthouse.settings import limits as settings_limits
from posthouse.settings import setup as settings_setup
from posthouse.settings import signin as settings_signin
from posthouse.settings import store as settings_store
from posthouse.settings import tls as settings_tls
from posthouse.settings.contract import CurrentSettings
from posthouse.store import upkeep as store_upkeep
from posthouse.store.facts import compute
from posthouse.store.index import SearchIndex
from posthouse.store.service import MailStore

log = logger("server")

ATTACHMENTS = (
    with_replica.attach,
    with_observation.attach,
    with_certificates.attach,
    with_signing.attach,
    with_bans.attach,
    with_ranges.attach,
    with_networks.attach,
    with_autoban.attach,
    with_listeners.attach,
    with_probation.attach,
    with_backup.attach,
    with_events.attach,
    with_entry.attach,
    with_kerberos.attach,
    with_sources.attach,
    with_oauth.attach,
    with_identity.attach,
    with_setup.attach,
    with_suppressions.attach,
    with_routes.attach,
    with_reports.attach,
    with_lists.attach,
    with_http.attach,
    with_maildrop.attach,
    with_senders.attach,
    with_words.attach,
    with_keeping.attach,
)
"""What stands beside the road, in the order in which it is attached; the doors of mail open afterwards."""

Live = Callable[[], Awaitable[LiveState]]

UPKEEP_SECONDS = 3600.0


@contextlib.asynccontextmanager
async def worker(share: Share, stop: Stop, member: Member | None) -> AsyncIterator[Live]:
    """Everything of one worker, top to bottom; inside, it is listening. Raises ManageError when it cannot
    start."""
    config = share.config
    started_at = time.time()
    async with contextlib.AsyncExitStack() as stack:
        # What everything else stands on.
        try:
            database = await open_database(database_url(config), upgrade=False)
        except (DatabaseUnavailable, BadUrl) as error:
            raise database_trouble(error) from error
        stack.push_async_callback(database.close)
        feed = LocalFeed()
        if member is not None:
            member.carry(feed)
        agreement = Agreement(feed, member)
        settings = CurrentSettings()
        live_settings = LiveSettings(database, feed, settings)
        await live_settings.load()
        now = settings.now
        if now[settings_setup.HOSTNAME]:
            config = msgspec.structs.replace(config, hostname=now[settings_setup.HOSTNAME])
            share = dataclasses.replace(share, config=config)

        # What is kept.
        bodies = FileBodies(config.data, cache=now[settings_store.BODY_CACHE])
        try:
            durability = durable(
                config.durability, database, bodies, config.data, share.number, config.journal_size << 20
            )
        except OSError as error:
            raise ManageError(
                "unavailable", f"The journal cannot be used: {error}.", "Look at the disk."
            ) from error
        stack.push_async_callback(durability.close)
        side = SideRecord(config.data)
        stack.callback(side.close)
        passwords = Passwords(now[settings_signin.HASHES_AT_ONCE])
        directory = DirectoryService(database, feed, settings, passwords)
        stack.callback(directory.close)

        async def quota(account_id: int) -> int:
            return (await space.limits(account_id))[0]

        space = Space(database, feed=feed)
        stack.callback(space.close)
        index = SearchIndex(Path(config.data) / "search", database, bodies, settings)
        store = MailStore(
            database,
            bodies,
            durability,
            feed,
            settings,
            quota_limit=quota,
            rooms=space,
            side=side,
            index=index,
        )
        stack.push_async_callback(store.close)

        # The road: in, and out again.
        queue = QueueService(settings, feed)
        refusals = Refusals(database, settings)
        owner = f"{hostname(config)}/{share.number}"  # the same again after a crash
        contexts = tls_contexts(config, now[settings_tls.MINIMUM_VERSION], now[settings_signin.CLIENT_CA])
        out = sending.make(
            sending.Ground(
                stack=stack,
                database=database,
                feed=feed,
                settings=settings,
                bodies=bodies,
                durability=durability,
                directory=directory,
                appender=store.appender,
                queue=queue,
                owner=owner,
                name=lambda: current_hostname(config, settings),
                listeners=lambda: config.listeners,
                certificate=contexts.files_for,
            )
        )
        reception = ReceptionDesk(
            out.router,
            database,
            store.appender,
            out.ways,
            settings,
            rights=directory.sender_rights,
            space=space,
        )
        senders = SendingDesk(database, feed, settings)
        stack.callback(senders.close)
        acceptance = AcceptanceDesk(
            durability=durability,
            database=database,
            appender=store.appender,
            queue=queue,
            router=out.router,
            bodies=bodies,
            refusals=refusals,
            facts=compute,
            settings=settings,
            free_space=settings_limits.FREE_SPACE,
            ways=out.ways,
            forward_sender=out.rewriting.sender,
            notices=out.notices,
            forwarding=out.forwarding,
            arrived=out.arrivals.arrived,
            express=out.dispatcher.express,
            beside=out.beside,
            journal=out.journal,
            masked=partial(masked.used, feed=feed),
            shared=SharedSenders(out.router, database, settings),
            space=space,
        )

        # What tidies up, in one worker at a time.
        def queued(tx: Transaction, digests: Sequence[str]) -> set[str]:
            return {digest for digest in digests if queue.refers(tx, digest)}

        removal = Removal(
            database, bodies, [store_upkeep.referred_in, queued], [store_upkeep.forget_in], settings
        )
        removal_job = PeriodicJob(
            database,
            "bodies.removal",
            lambda: settings.now[settings_store.REMOVAL_INTERVAL],
            partial(with_replica.unless_ahead, config.data, removal.once),
            holder=owner,
        )
        upkeep_job = PeriodicJob(database, "store.upkeep", lambda: UPKEEP_SECONDS, store.upkeep, holder=owner)

        # The sessions.
        parts = Parts(
            hostname(config),
            settings,
            acceptance,
            reception,
            directory,
            limits=senders,
            suppressions=out.suppressions,
            etrn=out.etrn,
            signatures=SignatureDesk(directory, settings, acceptance.spool),
        )

        def session(kind: Kind) -> Session:
            """A new session, which greets with our name of now."""
            nonlocal parts
            name = current_hostname(config, settings)
            if parts.hostname != name:
                parts = dataclasses.replace(parts, hostname=name)
            return Session(kind, parts)

        sharing = Sharing(database, feed, settings)
        sharing.noted = noted_rights
        stack.push_async_callback(sharing.close)
        imap = ImapService(
            store=store,
            directory=directory,
            spool=acceptance.spool,
            settings=settings,
            hostname=lambda: current_hostname(config, settings),
            sharing=sharing,
            largest=space.largest,
        )
        make: dict[str, Callable[[], Connection]] = {
            "smtp": lambda: session(Kind.MX),
            "submission": lambda: session(Kind.SUBMISSION),
            "lmtp": lambda: session(Kind.LMTP),
            "imap": imap.session,
            "pop3": lambda: Pop3Session(store, directory, settings),
        }
        limits = ConnectionLimits(
            settings,
            files=share.files,
            changed=member.count if member is not None else None,
        )
        if member is not None:
            member.others = limits.others
            member.spent = limits.spent_elsewhere
            limits.spent = member.spend
            member.failures = directory.failures.heard
            directory.failures.told = member.fail
        house = House(
            contexts,
            limits,
            now[settings_tls.HANDSHAKE_TIME],
            worker=share.number,
            asking=AskingContexts(contexts),
        )

        async def live() -> LiveState:
            sessions = house.counts() if member is None else await member.all_sessions()
            return LiveState(
                listeners=tuple(
                    state for listener, sockets in house.listeners for state in states_of(listener, sockets)
                ),
                sessions=sessions,
                workers=share.workers,
                certificates=contexts.fingerprints,
                started_at=share.started_at,
            )

        # Everything runs; the doors open last and close first.
        jobs = await stack.enter_async_context(Jobs(stop))
        jobs.start(live_settings.run(), "settings")
        jobs.start(refusals.run(), "refusals")
        jobs.start(removal_job.run(), "removal")
        jobs.start(upkeep_job.run(), "upkeep")
        jobs.start(senders.run(), "senders")
        out.start(jobs)
        if member is not None:
            jobs.start(member.tell(house.counts), "counts")
        context = Context(
            config=config,
            database=database,
            store=store,
            mail=store,
            passwords=passwords,
            bodies=bodies,
            settings=settings,
            feed=feed,
            started_at=started_at,
            live=live,
            side=side,
            agreement=agreement,
        )
        imap.quotas = ImapQuotas(context)
        built = Built(
            share=share,
            stop=stop,
            member=member,
            stack=stack,
            jobs=jobs,
            owner=owner,
            database=database,
            feed=feed,
            settings=settings,
            bodies=bodies,
            durability=durability,
            passwords=passwords,
            directory=directory,
            store=store,
            queue=queue,
            router=out.router,
            reception=reception,
            acceptance=acceptance,
            receiving=parts,
            sending=out,
            senders=senders,
            contexts=contexts,
            limits=limits,
            house=house,
            context=context,
            http=HttpParts(),
            opened=asyncio.Event(),
        )
        for attach in ATTACHMENTS:
            await attach(built)
        if built.first:
            control = ControlServer(context)
            await control.start()
            stack.push_async_callback(control.close)
        stack.push_async_callback(close_house, house, settings, stop)
        await agreement.join()
        for listener, sockets in zip(config.listeners, share.sockets, strict=True):
            if listener.protocol == "http":
                continue  # opened by with_http
            try:
                await house.open(listener, sockets, make[listener.protocol])
            except OSError as error:
                raise ManageError(
                    "unavailable", f"Cannot listen on port {listener.port}: {error}.", "Name another port."
                ) from error
        built.opened.set()
        # What was made so far lives as long as the process: the collector need not look at it again and
        # again.
        gc.collect()
        gc.freeze()
        yield live
