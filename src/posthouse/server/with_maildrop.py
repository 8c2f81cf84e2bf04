"""The maildrop of this node: mail from local programs, handed in by posthouse sendmail."""

from __future__ import annotations

import os
import time
from pathlib import Path

from posthouse.database.contract import Transaction
from posthouse.mail.address import parse_address
from posthouse.mail.envelope import Origin
from posthouse.observe.log import logger
from posthouse.queue import traces
from posthouse.receive.injection import Injector, Told
from posthouse.receive.maildrop import Maildrop, make_refused
from posthouse.receive.trace import new_trace
from posthouse.server.built import Built
from posthouse.server.pieces import current_hostname
from posthouse.settings import sendmail as settings_sendmail
from posthouse.settings.config import Config
from posthouse.settings.maildrop_place import maildrop_of

log = logger("server.maildrop")


async def attach(built: Built) -> None:
    """Begin to look into the folder, in the first worker."""
    injector = built.context.injection
    if not built.first or not isinstance(injector, Injector):
        return
    config = built.share.config
    folder = Path(maildrop_of(config.data))
    if not _make(folder):
        return

    async def was_accepted(trace: str) -> bool:
        return await built.database.read(_accepted, trace)

    async def report(trace: str, sender: str, failed: list[Told], message: bytes) -> None:
        await _tell(injector, _our_name(built, config), sender, failed, message)

    maildrop = Maildrop(
        folder,
        injector=injector,
        settings=built.settings,
        was_accepted=was_accepted,
        report=report,
        domain=lambda: built.settings.now[settings_sendmail.DOMAIN] or _our_name(built, config),
        user_of=_name_of,
        clock=time.monotonic,
    )
    built.jobs.start(maildrop.run(), "maildrop")


def _our_name(built: Built, config: Config) -> str:
    return current_hostname(config, built.settings)


def _make(folder: Path) -> bool:
    """Everybody may write into it and nobody lists it, as far as the folders above let them in."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        make_refused(folder)  # before others may make anything there
        if os.name == "posix" and folder.stat().st_uid == os.geteuid():
            folder.chmod(0o1733)
    except OSError as error:
        log.error("maildrop.no_folder", folder=str(folder), reason=str(error))
        return False
    return True


def _accepted(tx: Transaction, trace: str) -> bool:
    return any(entry.stage == "accept" for entry in traces.read(tx, trace))


def _name_of(uid: int) -> str:
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return f"uid{uid}"


async def _tell(injector: Injector, our_name: str, sender: str, failed: list[Told], message: bytes) -> None:
    """A short letter to the user whose mail reached nobody, or not everybody."""
    head = message.partition(b"\r\n\r\n")[0][:8192]
    lines = "".join(f"    {one.address}: {one.text}\r\n" for one in failed)
    letter = (
        (
            f"From: MAILER-DAEMON@{our_name}\r\nTo: {sender}\r\nSubject: Not delivered\r\n"
            "Auto-Submitted: auto-replied\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
            f"Your message, handed in on {our_name}, was not taken for:\r\n\r\n{lines}\r\n"
            "Its header was:\r\n\r\n"
        ).encode()
        + head
        + b"\r\n"
    )
    origin = Origin(new_trace(), "LOCAL", "localhost", "", 0, account_id=0, login="maildrop")
    told = await injector.inject(origin, None, [parse_address(sender)], letter)
    if told[0].refusal is not None:
        log.error("maildrop.nobody_told", sender=sender, reason=str(told[0].refusal))
