"""Kerberos tickets: whether they are taken, by which services, and whose address a principal is.

A step of an exchange takes a millisecond or so, but may wait for a file; it runs in one of a few threads of its own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from posthouse.directory.masters import login_key
from posthouse.net.kerberos import Acceptor, unusable
from posthouse.net.keytab import Entry, read
from posthouse.observe.log import logger
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.kerberos import KEYTAB, REALMS, realms
from posthouse.wire.sasl.contract import CheckTicket, Step, Work
from posthouse.wire.sasl.gssapi import Context

_log = logger("directory.kerberos")

SERVICES = {"imap": "imap", "pop3": "pop", "smtp": "smtp", "submission": "smtp"}
"""The service names of RFC 9051 6.2.2, RFC 5034 5 and RFC 4954 4, by protocol. Active Directory gives out tickets for
the first component of a principal as it was written, so capitals count."""
THREADS = 2
MOST_WAITING = 200
"""Steps that may wait for a thread; beyond them the client is told to come again."""
STEP_SECONDS = 10.0
LOOK_SECONDS = 5.0
"""How often the keytab is looked at: a new one is used without a restart."""

Mark = tuple[str, int, int, int]


class Kerberos:
    """What one worker needs for tickets. ``look`` once before the first question; ``close`` it at the end.
    ``replays`` is the file in which tickets already seen are kept."""

    def __init__(self, settings: CurrentSettings, replays: Path) -> None:
        self._settings = settings
        self._replays = replays.absolute()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="kerberos")
        self._waiting = 0
        self._mark: Mark | None = None
        self._entries: tuple[Entry, ...] = ()
        self._path = ""
        self.trouble = ""
        """Why no tickets are taken although a keytab is named, in words for the administrator."""

    async def look(self) -> None:
        """See whether the keytab is another, and read it then."""
        path = self._settings.now[KEYTAB]
        mark = await asyncio.to_thread(_mark_of, path)
        if mark == self._mark:
            return
        self._mark, self._path = mark, path
        entries, trouble = await asyncio.to_thread(_look, path)
        self._entries = entries
        if trouble and trouble != self.trouble:
            _log.error("kerberos.unusable", keytab=path, reason=trouble)
        self.trouble = trouble

    def missing(self) -> list[str]:
        """Services of which a usable keytab holds no key: their protocols do not offer Kerberos."""
        if not self._entries:
            return []
        there = {each.service for each in self._entries}
        return sorted({each for each in SERVICES.values() if each not in there})

    def tickets(self, protocol: str) -> Callable[[], Context] | None:
        """What makes the context of an exchange; None where tickets are not taken."""
        service = SERVICES.get(protocol, "")
        if not any(each.service == service for each in self._entries):
            return None
        return partial(Acceptor, self._path, service, self._replays)

    async def carry(self, work: Work) -> Step:
        """Do a step in a thread; a temporary refusal where it cannot be done in time."""
        if self._waiting >= MOST_WAITING:
            return CheckTicket("", reason="too many tickets wait to be checked", temporary=True)
        self._waiting += 1
        # What waits counts until its thread is done with it, whether or not somebody still wants to know.
        task = asyncio.get_running_loop().run_in_executor(self._threads, work.run)
        task.add_done_callback(self._done)
        await asyncio.sleep(0)  # there is a task from here on (``net.eager``), which timeouts want
        try:
            async with asyncio.timeout(STEP_SECONDS):
                return await asyncio.shield(task)
        except TimeoutError:
            return CheckTicket("", reason="Kerberos did not answer in time", temporary=True)
        except Exception as problem:  # whatever the library raises, it must not end the session
            _log.error("kerberos.failed", exc_info=problem)
            return CheckTicket("", reason=f"Kerberos failed: {type(problem).__name__}", temporary=True)

    def _done(self, task: asyncio.Future[Step]) -> None:
        self._waiting -= 1
        if not task.cancelled():
            task.exception()  # seen, even when the session has gone

    def address_of(self, principal: str) -> str:
        """The address of a principal (``anna@EXAMPLE.ORG``) by its realm, as a key; "" for whom there is none: services
        and machines (``imap/mail``), and people of realms that are not named."""
        name, realm = taken_apart(principal)
        if not name:
            return ""
        named = realms(self._settings.now[REALMS])
        if not named:
            named = {each.realm: each.realm.lower() for each in self._entries}
        domain = named.get(realm, "")
        return login_key(f"{name}@{domain}") if domain else ""

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def taken_apart(principal: str) -> tuple[str, str]:
    """The name and the realm of a person's principal (RFC 4120 6.2); two empty ones for others. Names of several parts
    are instances and services, not people, and names with a backslash have characters that no address has."""
    name, _, realm = principal.rpartition("@")
    if not name or not realm or set(name) & set("/\\@") or not principal.isprintable():
        return "", ""
    return name, realm


def means_the_same(authzid: str, principal: str, address: str) -> bool:
    """Whether the authorization identity is the principal's own: none, itself, its name alone, or the address it stands
    for."""
    name, _ = taken_apart(principal)
    return authzid in ("", principal, name) or login_key(authzid) == address


def _mark_of(path: str) -> Mark:
    if not path:
        return ("", 0, 0, 0)
    try:
        found = os.stat(path)
    except OSError:
        return (path, 0, 0, 0)
    # Rights and owner count as well, and only the time of the last change tells of them.
    return (path, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)


def _look(path: str) -> tuple[tuple[Entry, ...], str]:
    """What there is in a keytab, and why it cannot be used."""
    if not path:
        return (), ""
    if trouble := unusable():
        return (), trouble
    try:
        entries = read(Path(path).read_bytes())
    except OSError as problem:
        return (), problem.strerror or type(problem).__name__
    except ValueError as problem:
        return (), str(problem)
    if not any(each.service in SERVICES.values() for each in entries):
        return (), "it holds no key of imap, pop or smtp"
    return entries, ""
