"""The road out: from the queue to mailboxes and to other servers, put together for one worker."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from posthouse.bodies.durable import Durable
from posthouse.bodies.files import FileBodies
from posthouse.cluster.jobs import Jobs
from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database
from posthouse.deliver.arrivals import Arrivals
from posthouse.deliver.autoreply import AutoReplies
from posthouse.deliver.delivered import Beside
from posthouse.deliver.dispatch import Dispatcher
from posthouse.deliver.dsn.notices import DestinationOf, NoticeDesk
from posthouse.deliver.forward_return import ForwardReturns
from posthouse.deliver.journal import JournalDesk
from posthouse.deliver.lists import ListDelivery
from posthouse.deliver.lists_lines import MemberLines
from posthouse.deliver.local import LocalDelivery
from posthouse.deliver.passing import PassingRegister
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
from posthouse.deliver.remote.tls_report_read import TlsReportReader
from posthouse.deliver.settlement import SettlementDesk
from posthouse.deliver.signing import MailSigner
from posthouse.directory.contract import Directory
from posthouse.directory.routes_live import RouteBook
from posthouse.directory.service import DirectoryService
from posthouse.directory.suppression import Suppressions
from posthouse.mail.address import Address, parse_address
from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal
from posthouse.net.dns import Resolver
from posthouse.queue.contract import LIST, LOCAL, MX
from posthouse.queue.service import QueueService
from posthouse.receive.signatures import names_of
from posthouse.receive.trace import new_trace
from posthouse.route.etrn import Etrn
from posthouse.route.forwarding import Forwarding
from posthouse.route.resolve import Destination, Router
from posthouse.route.returns import SrsReturns
from posthouse.route.ways import RouteWays
from posthouse.server.rewriting import Rewriting
from posthouse.settings.config import Listener
from posthouse.settings.contract import CurrentSettings
from posthouse.store.contract import Appender
from posthouse.store.facts import compute
from posthouse.store.upkeep import holds_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the road out stands on. ``name`` is our host name of now, ``listeners`` what is listened on, ``certificate``
    the files of chain and key that answer to a host name of ours."""

    stack: contextlib.AsyncExitStack
    database: Database
    feed: LocalFeed
    settings: CurrentSettings
    bodies: FileBodies
    durability: Durable
    directory: DirectoryService
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
    forwarding: Forwarding
    destination_of: DestinationOf
    notices: NoticeDesk
    settlement: SettlementDesk
    beside: tuple[Beside, ...]
    journal: JournalDesk
    suppressions: Suppressed
    etrn: Etrn
    finder: DnsHostFinder
    tls: RemoteTls
    sts: StsPolicies
    memory: TlsMemory
    reports: TlsReports
    reader: TlsReportReader
    arrivals: Arrivals
    sessions: TokenSessions
    dispatcher: Dispatcher

    def start(self, jobs: Jobs) -> None:
        """Begin to work the queue off."""
        jobs.start(self.memory.run(), "tls.memory")
        jobs.start(self.reports.run(), "tls.reports")
        jobs.start(self.arrivals.run(), "arrivals")
        jobs.start(self.dispatcher.run(), "delivery", end=self.dispatcher.stop)


class Suppressed:
    """The suppression list as submission asks it (``receive.contract.Suppressions``)."""

    def __init__(self, suppressions: Suppressions, directory: Directory) -> None:
        self._suppressions = suppressions
        self._directory = directory

    async def check(self, recipient: Address, origin: Origin) -> Refusal | None:
        """The refusal of an address that is on the list, for everybody or for the account that signed in. Raises
        DatabaseUnavailable."""
        account = await self._directory.account(origin.account_id) if origin.account_id else None
        return await self._suppressions.check(recipient, account.address if account is not None else "")


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
    router.split = ways
    forwarding = Forwarding(router, ground.directory)
    etrn = Etrn(book=book, directory=ground.directory, database=database, settings=settings, feed=feed)

    # To other servers.
    sts = StsPolicies(database, resolver, PolicyFetcher(resolver, settings))
    memory = TlsMemory(database, settings)
    reports = TlsReports(database, resolver, settings)
    tls = RemoteTls(resolver, settings, sts, memory, reports)
    finder = DnsHostFinder(resolver, settings, Ourselves(settings, lambda: (ground.name(),), _doors(ground)))
    links = _link_host(ground)
    signer = MailSigner(
        database=database,
        feed=feed,
        settings=settings,
        resolver=resolver,
        hostname=ground.name,
        listed=MemberLines(database, links).of,
    )
    stack.callback(signer.close)
    sessions = TokenSessions(
        RemoteSessions(policies=tls, settings=settings, name=ground.name, certificate=ground.certificate),
        AccessTokens(book=book, database=database, feed=feed, settings=settings),
    )
    stack.push_async_callback(sessions.close)

    # How it ends.
    destination_of = _destination_of(router, ways, forwarding)
    notices = NoticeDesk(settings, our_name=ground.name, new_trace=new_trace, destination_of=destination_of)
    owners = ForwardReturns(
        database=database,
        feed=feed,
        queue=ground.queue,
        bodies=ground.bodies,
        router=router,
        settings=settings,
        our_name=ground.name,
        new_trace=new_trace,
        holds=holds_in,
    )
    journal = JournalDesk(
        directory=ground.directory,
        database=database,
        settings=settings,
        bodies=ground.bodies,
        destination_of=destination_of,
        our_name=ground.name,
        new_trace=new_trace,
    )
    register = PassingRegister()
    settlement = SettlementDesk(
        durability=ground.durability,
        queue=ground.queue,
        bodies=ground.bodies,
        notices=notices,
        settings=settings,
        owners=owners,
        journal=journal,
        register=register,
    )
    replies = AutoReplies(
        directory=ground.directory,
        database=database,
        router=router,
        bodies=ground.bodies,
        names=lambda person, now: names_of(person, person.address, person.domain, now),
        destination_of=destination_of,
        new_trace=new_trace,
        journal=journal,
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
        replies=replies,
    )
    listed = ListDelivery(
        database=database,
        durability=ground.durability,
        appender=ground.appender,
        queue=ground.queue,
        settlement=settlement,
        router=router,
        ways=ways,
        forwarding=forwarding,
        bodies=ground.bodies,
        facts=compute,
        settings=settings,
        feed=feed,
        destination_of=destination_of,
        our_name=ground.name,
        link_host=links,
        new_trace=new_trace,
        journal=journal,
    )
    dispatcher = Dispatcher(
        database=database,
        queue=ground.queue,
        deliverers={"local": local, "mx": remote, "route": remote, "list": listed},
        settlement=settlement,
        settings=settings,
        feed=feed,
        owner=ground.owner,
        register=register,
    )

    # What is read of mail that arrived.
    reader = TlsReportReader(database, settings, ground.directory.is_local_domain)
    arrivals = Arrivals(
        database=database, settings=settings, bodies=ground.bodies, router=router, reports=reader
    )
    return Sending(
        beside=(replies, journal),
        journal=journal,
        resolver=resolver,
        router=router,
        book=book,
        ways=ways,
        rewriting=rewriting,
        forwarding=forwarding,
        destination_of=destination_of,
        notices=notices,
        settlement=settlement,
        suppressions=Suppressed(Suppressions(database), ground.directory),
        etrn=etrn,
        finder=finder,
        tls=tls,
        sts=sts,
        memory=memory,
        reports=reports,
        reader=reader,
        arrivals=arrivals,
        sessions=sessions,
        dispatcher=dispatcher,
    )


def _link_host(ground: Ground) -> Callable[[], str]:
    """The host of links in mail of lists; "" where nobody answers them."""

    def host() -> str:
        return ground.name() if any(each.protocol == "http" for each in ground.listeners()) else ""

    return host


def _doors(ground: Ground) -> Callable[[], list[tuple[str, int]]]:
    def doors() -> list[tuple[str, int]]:
        return [
            (each.address, each.port) for each in ground.listeners() if each.protocol == "smtp" and each.port
        ]

    return doors


def _destination_of(router: Router, ways: RouteWays, forwarding: Forwarding) -> DestinationOf:
    async def leaving(address: Address, owner: int | None) -> tuple[Address, str, int | None]:
        way = await ways.way(address, None, None)
        return address, (f"{MX}{address.domain}" if isinstance(way, Refusal) else way.destination), owner

    async def destination_of(address: Address) -> list[tuple[Address, str, int | None]]:
        """Where a notice for this address goes. Where none may go it is refused there, and nobody is told."""
        found = await router.resolve(address)
        if found.kind != "several":
            return await place_of(address, found)
        ends = [await place_of(address, branch) for branch in found.branches if branch.reachable]
        return list(dict.fromkeys(end for each in ends for end in each)) or [await leaving(address, None)]

    async def place_of(address: Address, found: Destination) -> list[tuple[Address, str, int | None]]:
        if found.kind == "list":
            return [(address, f"{LIST}{found.list_id}", None)]
        if found.kind != "local" or found.account is None:
            if found.account is not None:
                return [(address, LOCAL, found.account.id)]
            return [await leaving(found.onward(address) or address, None)]
        spread = await forwarding.spread(found.account)
        places: list[tuple[Address, str, int | None]] = [
            (address if each.id == found.account.id else parse_address(each.address), LOCAL, each.id)
            for each in spread.mailboxes
        ]
        places += [(address, f"{LIST}{list_id}", None) for list_id in spread.lists]
        return places + [await leaving(each.target, each.owner.id) for each in spread.onward]

    return destination_of
