"""What one worker consists of, for the files that attach something to it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from posthouse.bodies.durable import Durable
from posthouse.bodies.files import FileBodies
from posthouse.cluster.jobs import Jobs
from posthouse.cluster.local import LocalFeed
from posthouse.cluster.member import Member
from posthouse.cluster.share import Share
from posthouse.cluster.stop import Stop
from posthouse.database.contract import Database
from posthouse.deliver.acceptance import AcceptanceDesk
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.http.parts import HttpParts
from posthouse.manage.context import Context
from posthouse.net.house import House
from posthouse.net.limits import ConnectionLimits
from posthouse.net.tls import ServerContexts
from posthouse.queue.service import QueueService
from posthouse.receive.parts import Parts
from posthouse.route.reception import ReceptionDesk
from posthouse.route.resolve import Router
from posthouse.route.sending_limits import SendingDesk
from posthouse.server.sending import Sending
from posthouse.settings.contract import CurrentSettings
from posthouse.store.service import MailStore


@dataclass(frozen=True, slots=True)
class Built:
    """The parts of a running worker. What an ``attach`` opens it pushes on ``stack`` (closed in reverse
    order); what runs it starts with ``jobs.start(coroutine, name)``."""

    share: Share
    stop: Stop
    member: Member | None
    stack: contextlib.AsyncExitStack
    jobs: Jobs
    owner: str
    database: Database
    feed: LocalFeed
    settings: CurrentSettings
    bodies: FileBodies
    durability: Durable
    passwords: Passwords
    directory: DirectoryService
    store: MailStore
    queue: QueueService
    router: Router
    reception: ReceptionDesk
    acceptance: AcceptanceDesk
    receiving: Parts
    """What sessions take mail with; whatever else hands mail in takes it the same way."""
    sending: Sending
    senders: SendingDesk
    contexts: ServerContexts
    limits: ConnectionLimits
    house: House
    context: Context
    http: HttpParts
    opened: asyncio.Event
    """Set when every door of mail and HTTP is open."""

    @property
    def first(self) -> bool:
        """Whether this is the worker that carries the faces (control socket, HTTP) of the node."""
        return self.share.number == 0
