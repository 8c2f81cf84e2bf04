"""The sessions of all workers, for the uses that list and end them."""

from __future__ import annotations

from typing import Any

import msgspec

from posthouse.cluster.member import Member
from posthouse.manage.sessions import MOST, Choice, OpenSession
from posthouse.net.connection import Connection
from posthouse.net.house import House

FIND, DISMISS = "sessions.find", "sessions.dismiss"


class NodeSessions:
    """An :class:`posthouse.manage.sessions.OpenSessions`: this worker's own, and those that the others tell."""

    def __init__(self, house: House, member: Member | None, worker: int) -> None:
        self._house = house
        self._member = member
        self._worker = worker
        if member is not None:
            member.handlers[FIND] = self._asked_to_find
            member.handlers[DISMISS] = self._asked_to_dismiss

    async def find(self, choice: Choice) -> tuple[list[OpenSession], int]:
        """Those that are meant, newest first, and how many there are."""
        found, total = self._own(choice)
        for answer in (await self._ask(FIND, msgspec.to_builtins(choice))).values():
            sessions, count = answer
            found += msgspec.convert(sessions, list[OpenSession])
            total += int(count)
        found.sort(key=lambda session: (-session.since, session.id))
        return found[: choice.limit], total

    async def dismiss(self, choice: Choice, reason: str) -> list[OpenSession]:
        """End those that are meant; which they were."""
        ended = self._dismiss_own(choice, reason)
        asked = {"choice": msgspec.to_builtins(choice), "reason": reason}
        for answer in (await self._ask(DISMISS, asked)).values():
            ended += msgspec.convert(answer, list[OpenSession])
        return ended

    async def _ask(self, topic: str, asked: Any) -> dict[int, Any]:
        return {} if self._member is None else await self._member.ask(topic, asked)

    async def _asked_to_find(self, asked: Any) -> Any:
        found, total = self._own(msgspec.convert(asked, Choice))
        return [msgspec.to_builtins(found), total]

    async def _asked_to_dismiss(self, asked: Any) -> Any:
        return msgspec.to_builtins(
            self._dismiss_own(msgspec.convert(asked["choice"], Choice), asked["reason"])
        )

    def _own(self, choice: Choice) -> tuple[list[OpenSession], int]:
        meant = sorted(self._meant(choice), key=lambda session: (-session.since, session.label))
        page = [session for session in meant if choice.follows(session.since, session.label)]
        return [self._describe(session) for session in page[: min(choice.limit, MOST + 1)]], len(meant)

    def _dismiss_own(self, choice: Choice, reason: str) -> list[OpenSession]:
        meant = self._meant(choice)
        told = [self._describe(session) for session in meant]
        self._house.dismiss(meant, reason)
        return told

    def _meant(self, choice: Choice) -> list[Connection]:
        return [
            session
            for session in self._house.sessions
            if not session.closing
            and choice.takes(
                session.label, session.door.protocol, session.account_address, session.peer.address
            )
        ]

    def _describe(self, session: Connection) -> OpenSession:
        tls = session.tls
        return OpenSession(
            id=session.label,
            protocol=session.door.protocol,
            peer=session.peer.address,
            port=session.peer.local_port,
            tls=tls.version if tls is not None else "",
            cipher=tls.cipher if tls is not None else "",
            account=session.account_address,
            client=session.client_name[:200],
            since=session.since,
            command=session.word[:40],
            received=session.bytes_in,
            sent=session.bytes_out,
            worker=self._worker,
        )
