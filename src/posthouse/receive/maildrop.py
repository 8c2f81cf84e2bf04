"""Takes what local programs left in the maildrop (``posthouse sendmail``, also while the server was stopped).

Everybody may put files into the folder, nobody but the server lists it. The kernel says whose file it is: root and the
server's own user may send as anybody, others as themselves. A file goes when its message is accepted, durably. What is
no message is set aside in ``refused/``, and so is a message that is refused; then its sender is told by mail.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from posthouse.database.contract import DatabaseUnavailable
from posthouse.mail import dropped
from posthouse.mail.address import Address, parse_address
from posthouse.mail.dropped import NAME, Complete, qualified, with_domain
from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal
from posthouse.observe.log import logger
from posthouse.receive.injection import Author, Injector, Told, Wishes
from posthouse.settings import sendmail as settings_sendmail
from posthouse.settings.contract import CurrentSettings
from posthouse.wire.smtp import parameters

log = logger("receive.maildrop")

MOST = 200
"""Files of one look; the next look takes the others."""

WAIT_SECONDS = 60.0
"""How long a file is left alone after a temporary refusal."""

WasAccepted = Callable[[str], Awaitable[bool]]
"""Whether a message with this trace id was accepted already. Raises DatabaseUnavailable."""

Report = Callable[[str, str, list[Told], bytes], Awaitable[None]]
"""Tells a sender of recipients that cannot be reached: the trace id, the sender, who, the message."""


class Unfit(Exception):
    """A file that will never be taken; args[0] says why."""


@dataclass(frozen=True, slots=True)
class User:
    """Whose file it is. ``free``: may send as anybody."""

    name: str
    free: bool


class Maildrop:
    """Looks into one folder. ``user_of`` names the user of a uid, ``domain`` is that of local users' addresses,
    ``clock`` runs evenly, in seconds."""

    def __init__(
        self,
        folder: Path,
        *,
        injector: Injector,
        settings: CurrentSettings,
        was_accepted: WasAccepted,
        report: Report,
        domain: Callable[[], str],
        user_of: Callable[[int], str],
        clock: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._injector = injector
        self._settings = settings
        self._was_accepted = was_accepted
        self._report = report
        self._domain = domain
        self._user_of = user_of
        self._clock = clock
        self._later: dict[str, float] = {}

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except DatabaseUnavailable as error:
                log.warning("maildrop.postponed", reason=str(error))
            except Exception:
                log.exception("maildrop.failed")
            await asyncio.sleep(self._settings.now[settings_sendmail.INTERVAL])

    async def look(self) -> int:
        """Take what is there; how many messages were accepted. Raises DatabaseUnavailable."""
        names = await asyncio.to_thread(self._names)
        now = self._clock()
        self._later = {name: at for name, at in self._later.items() if at > now}
        taken = 0
        for name in names:
            if name not in self._later:
                taken += await self._try(name)
        return taken

    async def _try(self, name: str) -> bool:
        """Take one file. Whatever is wrong with it or with its name, the others have their turn."""
        try:
            return await self._take(name)
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("maildrop.failed", file=name)
            self._later[name] = self._clock() + WAIT_SECONDS
            return False

    def _names(self) -> list[str]:
        try:
            return sorted(filter(NAME.fullmatch, os.listdir(self._folder)))[: MOST + len(self._later)]
        except FileNotFoundError:
            return []

    async def _take(self, name: str) -> bool:
        trace = name.split(".")[1]
        try:
            uid, content = await asyncio.to_thread(self._read, name)
            if not await self._was_accepted(trace):
                await self._inject(trace, self._user(uid), _understood(content))
        except FileNotFoundError:
            return False
        except Refusal as refusal:
            if refusal.temporary:
                self._later[name] = self._clock() + WAIT_SECONDS
                log.info("maildrop.later", file=name, reason=str(refusal))
                return False
            await asyncio.to_thread(self._set_aside, name, str(refusal))
            return False
        except Unfit as problem:
            await asyncio.to_thread(self._set_aside, name, problem.args[0])
            return False
        await asyncio.to_thread(self._remove, name)
        return True

    async def _inject(self, trace: str, user: User, complete: Complete) -> None:
        envelope = complete.envelope
        own = f"{user.name}@{self._domain()}"
        sender = _sender(envelope.sender, own, user, self._domain())
        recipients = [_address(qualified(text, self._domain())) for text in envelope.recipients]
        wishes = _wishes(
            complete,
            Author(own, lambda address: _may_use(address, own, user), False, _one_line(envelope.name)),
        )
        message = with_domain(complete.message, self._domain())
        origin = Origin(trace, "LOCAL", "localhost", "", 0, account_id=0, login=user.name)
        try:
            told = await self._injector.inject(origin, sender, recipients, message, wishes)
        except Refusal as refusal:
            if not refusal.temporary:
                everybody = [Told(each, refusal, refusal.text) for each in recipients]
                await self._report(trace, str(sender or _address(own)), everybody, message)
            raise
        failed = [one for one in told if one.refusal is not None]
        if (
            failed
            and len(failed) == len(told)
            and all(one.refusal and one.refusal.temporary for one in failed)
        ):
            assert failed[0].refusal is not None
            raise failed[0].refusal
        if failed and sender is not None:
            await self._report(trace, str(sender), failed, message)
        log.info("maildrop.taken", trace=trace, user=user.name, recipients=len(told), refused=len(failed))

    def _user(self, uid: int) -> User:
        who = self._settings.now[settings_sendmail.WHO]
        free = uid in (0, os.geteuid()) if hasattr(os, "geteuid") else True
        if who == "nobody" or (who == "owner" and not free):
            raise Unfit(f"uid {uid} may not send mail (setting sendmail.who)")
        return User(self._user_of(uid), free)

    def _read(self, name: str) -> tuple[int, bytes]:
        """Whose it is, and what it holds. The name may be anything that a user could make: a link, a pipe."""
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            descriptor = os.open(self._folder / name, flags | getattr(os, "O_BINARY", 0))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unfit(f"it cannot be opened: {error.strerror}") from None
        with os.fdopen(descriptor, "rb") as file:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode) or state.st_nlink != 1:
                raise Unfit("it is no plain file of its own")
            largest = self._injector.largest + dropped.MAX_ENVELOPE
            if state.st_size > largest:
                raise Unfit(f"it is larger than {self._injector.largest} bytes")
            return state.st_uid, file.read(largest)

    def _set_aside(self, name: str, why: str) -> None:
        log.error("maildrop.refused", file=name, reason=why, kept="refused/" + name)
        os.replace(self._folder / name, make_refused(self._folder) / name)

    def _remove(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)


def make_refused(folder: Path) -> Path:
    """The folder for what was set aside. Raises OSError where somebody else has put something of that name there: what
    is moved into it would be theirs to read."""
    aside = folder / "refused"
    aside.mkdir(mode=0o700, exist_ok=True)
    state = os.lstat(aside)
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.stat(folder).st_uid:
        raise PermissionError(f"{aside} is not a folder of the server's own")
    return aside


def _understood(content: bytes) -> Complete:
    try:
        return dropped.read(content)
    except ValueError as problem:
        raise Unfit(str(problem)) from None


def _wishes(complete: Complete, author: Author) -> Wishes:
    envelope = complete.envelope
    return Wishes(
        notify=parameters.notify(",".join(envelope.notify)) if envelope.notify else frozenset(),
        ret=parameters.ret(envelope.ret) if envelope.ret else "",
        envid=parameters.envid(envelope.envid) if envelope.envid else "",
        author=author,
    )


def _sender(wanted: str, own: str, user: User, domain: str) -> Address | None:
    if not user.free or not wanted:
        return _address(own)
    return None if wanted == "<>" else _address(qualified(wanted, domain))


def _one_line(name: str) -> str:
    """A display name as it may stand in a header."""
    return "".join(letter for letter in name if letter.isprintable())[:100]


def _address(text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as problem:
        raise Unfit(f"{text[:100]!r} is no address: {problem}") from None


async def _may_use(address: Address, own: str, user: User) -> bool:
    return user.free or address.key == own.lower()
