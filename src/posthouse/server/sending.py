"""The road out: from the queue to mailboxes and to other servers, put together for one worker."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from posthouse.bodies.files import FileBodies
from posthouse.bodies.plain import PlainDurability
from posthouse.cluster.jobs import Jobs
from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database
from posthouse.deliver.dispatch import Dispatcher
from posthouse.deliver.dsn.notices import DestinationOf, NoticeDesk
from posthouse.deliver.local import LocalDelivery
from posthouse.deliver.remote.delivery import RemoteDelivery
from posthouse.deliver.remote.hosts import DnsHostFinder
from posthouse.deliver.remote.mta_sts_fetch import PolicyFetcher
from posthouse.deliver.remote.mta_sts_store import StsPolicies
from posthouse.deliver.remote.oauth import AccessTokens, TokenSessions
from posthouse.deliver.remote.ourselves import Ourselves
from posthouse.deliver.remote.policy import RemoteTls
from posthouse.deliver.remote.sessions import RemoteSessions
from posthouse.deliver.remote.tls_memory import TlsMemory
from posthouse.deliver.remote.tls_report import TlsReports
from posthouse.deliver.settlement import SettlementDesk
from posthouse.deliver.signing import MailSigner
from posthouse.directory.contract import Directory
from posthouse.directory.routes_live import RouteBook
from posthouse.directory.suppression import Suppressions
from posthouse.mail.address import Address
from posthouse.mail.refusal import Refusal
from posthouse.net.dns import Resolver
from posthouse.queue.contract import LOCAL, MX
from posthouse.queue.service import QueueService
from posthouse.receive.trace import new_trace
from posthouse.route.etrn import Etrn
from posthouse.route.resolve import Router
from posthouse.route.returns import SrsReturns
from posthouse.route.ways import RouteWays
from posthouse.server.rewriting import Rewriting
from posthouse.settings.config import Listener
from posthouse.settings.contract import CurrentSettings
from posthouse.store.contract import Appender
from posthouse.store.facts import compute


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the road out stands on. ``name`` is our host name of now, ``listeners`` what is listened on, ``certificate``
    the files of chain and key that answer to a host name of ours."""

    stack: contextlib.AsyncExitStack
    database: Database
    feed: LocalFeed
    settings: CurrentSettings
    bodies: FileBodies
    durability: PlainDurability
    directory: Directory
    appender: Appender
    queue: QueueService
    owner: str
    name: Callable[[], str]
    listeners: Callable[[], Sequence[Listener]]
    certificate: Callable[[str], tuple[Path, Path] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """The parts of the road out that others need."""

    resolver: Resolver
    router: Router
    book: RouteBook
    ways: RouteWays
    rewriting: Rewriting
    notices: NoticeDesk
    settlement: SettlementDesk
    suppressions: Suppressed
    etrn: Etrn
    finder: DnsHostFinder
    tls: RemoteTls
    sts: StsPolicies
    memory: TlsMemory
    reports: TlsReports
    sessions: TokenSessions
    dispatcher: Dispatcher

    def start(self, jobs: Jobs) -> None:
        """Begin to work the queue off."""
        jobs.start(self.memory.run(), "tls.memory")
        jobs.start(self.reports.run(), "tls.reports")
        jobs.start(self.dispatcher.run(), "delivery", end=self.dispatcher.stop)


class Suppressed:
    """The suppression list as submission asks it (``receive.contract.Suppressions``)."""

    def __init__(self, suppressions: Suppressions) -> None:
        self._suppressions = suppressions

    async def check(self, recipient: Address, sender: Address | None) -> Refusal | None:
        """The refusal of an address that is on the list. Raises DatabaseUnavailable."""
        return await self._suppressions.check(recipient, sender.key if sender is not None else "")


def make(ground: Ground) -> Sending:
    """Put it together; nothing runs yet."""
    database, feed, settings, stack = ground.database, ground.feed, ground.settings, ground.stack
    resolver = Resolver(settings)

    # Where to.
    rewriting = Rewriting(database, ground.directory, settings)
    router = Router(ground.directory, SrsReturns(rewriting.keys))
    book = RouteBook(database, feed)
    stack.callback(book.close)
    ways = RouteWays(book, ground.directory, settings)
    etrn = Etrn(book=book, directory=ground.directory, database=database, settings=settings, feed=feed)

    # To other servers.
    sts = StsPolicies(database, resolver, PolicyFetcher(resolver, settings))
    memory = TlsMemory(database, settings)
    reports = TlsReports(database, resolver, settings)
    tls = RemoteTls(resolver, settings, sts, memory, reports)
    finder = DnsHostFinder(resolver, settings, Ourselves(settings, lambda: (ground.name(),), _doors(ground)))
    signer = MailSigner(
        database=database, feed=feed, settings=settings, resolver=resolver, hostname=ground.name
    )
    stack.callback(signer.close)
    sessions = TokenSessions(
        RemoteSessions(policies=tls, settings=settings, name=ground.name, certificate=ground.certificate),
        AccessTokens(book=book, database=database, feed=feed, settings=settings),
    )
    stack.push_async_callback(sessions.close)

    # How it ends.
    notices = NoticeDesk(
        settings, our_name=ground.name, new_trace=new_trace, destination_of=_destination_of(router, ways)
    )
    settlement = SettlementDesk(
        durability=ground.durability,
        queue=ground.queue,
        bodies=ground.bodies,
        notices=notices,
        settings=settings,
    )
    remote = RemoteDelivery(
        ways=ways,
        finder=finder,
        policies=tls,
        sessions=sessions,
        signer=signer,
        bodies=ground.bodies,
        queue=ground.queue,
        settlement=settlement,
        database=database,
        settings=settings,
    )
    local = LocalDelivery(
        durability=ground.durability,
        appender=ground.appender,
        queue=ground.queue,
        settlement=settlement,
        router=router,
        bodies=ground.bodies,
        facts=compute,
        settings=settings,
    )
    dispatcher = Dispatcher(
        database=database,
        queue=ground.queue,
        deliverers={"local": local, "mx": remote, "route": remote},
        settlement=settlement,
        settings=settings,
        feed=feed,
        owner=ground.owner,
    )
    return Sending(
        resolver=resolver,
        router=router,
        book=book,
        ways=ways,
        rewriting=rewriting,
        notices=notices,
        settlement=settlement,
        suppressions=Suppressed(Suppressions(database)),
        etrn=etrn,
        finder=finder,
        tls=tls,
        sts=sts,
        memory=memory,
        reports=reports,
        sessions=sessions,
        dispatcher=dispatcher,
    )


def _doors(ground: Ground) -> Callable[[], list[tuple[str, int]]]:
    def doors() -> list[tuple[str, int]]:
        return [
            (each.address, each.port) for each in ground.listeners() if each.protocol == "smtp" and each.port
        ]

    return doors


def _destination_of(router: Router, ways: RouteWays) -> DestinationOf:
    async def destination_of(address: Address) -> tuple[Address, str, int | None]:
        """Where a notice for this address goes. Where none may go it is refused there, and nobody is told."""
        found = await router.resolve(address)
        if found.account is not None:
            return address, LOCAL, found.account.id
        onward = found.onward(address) or address
        way = await ways.way(onward, None, None)
        return onward, (f"{MX}{onward.domain}" if isinstance(way, Refusal) else way.destination), None

    return destination_of
