"""Checks of the machine: clock, disk, data folder, database, certificate, backups, errors."""

from __future__ import annotations

import asyncio
import datetime
import math
import os
import shutil
import socket
import ssl
import stat
import struct
import tempfile
import time
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Select, column, select, table

from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.manage import setup_facts
from posthouse.manage.certificate_views import all_views
from posthouse.manage.diagnostics import Finding, FindingState, Look, check
from posthouse.settings import limits as settings_limits
from posthouse.settings import setup as settings_setup
from posthouse.settings.dns import split_place
from posthouse.settings.values import format_size

CLOCK_SECONDS = 2.0
"""How long a time server may take to answer."""

_SINCE_1900 = 2208988800
_GIB = 1 << 30


def _finding(name: str, state: FindingState, text: str, mend: str = "", subject: str = "") -> Finding:
    return Finding(name=name, group="machine", state=state, text=text, mend=mend, subject=subject)


# ---------------------------------------------------------------------- clock


@check("clock", "machine")
async def clock(look: Look) -> Finding:
    """The machine's clock against a time server (SNTP, RFC 4330)."""
    server = look.context.settings.now[settings_setup.TIME_SERVER].strip()
    if not server:
        mend = "Name a time server in the setting diagnostics.time_server."
        return _finding("clock", "unknown", "No time server is set to compare the clock with.", mend)
    try:
        async with asyncio.timeout(CLOCK_SECONDS):
            offset = await _offset(look, server)
    except (OSError, ValueError) as error:
        text = f"The time server {server} gave no answer ({str(error) or 'none in time'})."
        return _finding("clock", "unknown", text, "Compare the clock by hand: timedatectl.")
    mend = "Let the machine follow a time server: timedatectl set-ntp true (or install chrony)."
    ahead = f"{abs(offset):.1f} seconds {'slow' if offset > 0 else 'fast'}"
    if abs(offset) > 60:
        return _finding(
            "clock", "bad", f"The clock is {ahead}: codes, certificates and dates go wrong.", mend
        )
    if abs(offset) > 5:
        return _finding("clock", "warn", f"The clock is {ahead}.", mend)
    return _finding("clock", "ok", f"The clock is right ({abs(offset) * 1000:.0f} ms off).")


async def _offset(look: Look, server: str) -> float:
    """Seconds the clock is behind the server's. Raises OSError or ValueError."""
    try:
        address, port = split_place(server, 123)
    except ValueError:
        name, _, number = server.partition(":")
        port = int(number) if number else 123
        found = await look.resolver.addresses(name)
        if not found.rows:
            raise ValueError(found.reason or "the name has no address") from None
        address = found.rows[0]
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asked:
        asked.setblocking(False)
        await loop.sock_connect(asked, (address, port))
        cookie = os.urandom(8)  # in place of our own time: the answer must bear it
        sent = time.time()
        await loop.sock_sendall(asked, b"\x23" + bytes(39) + cookie)
        while True:
            answer = await loop.sock_recv(asked, 512)
            if len(answer) >= 48 and answer[24:32] == cookie:
                break
        back = time.time()
    mode, stratum = answer[0] & 7, answer[1]
    if mode != 4 or not 1 <= stratum <= 15:
        raise ValueError("it does not know the time itself")
    received, returned = (_moment(answer[start : start + 8]) for start in (32, 40))
    return ((received - sent) + (returned - back)) / 2


def _moment(raw: bytes) -> float:
    seconds, fraction = struct.unpack("!II", raw)
    if seconds < 0x80000000:  # the second era began in February 2036 (RFC 4330 3)
        seconds += 1 << 32
    return float(seconds) - _SINCE_1900 + float(fraction) / (1 << 32)


# ---------------------------------------------------------------------- disk


@check("disk", "machine")
async def disk(look: Look) -> list[Finding]:
    """Room, and how fast the disk makes writing durable: every accepted message waits for it."""
    data = Path(look.context.config.data)
    usage = shutil.disk_usage(data)
    limit = look.context.settings.now[settings_limits.FREE_SPACE]
    room = f"{usage.free / _GIB:.1f} GiB of {usage.total / _GIB:.1f} GiB are free"
    mend = "Make room or move the data folder to a larger disk."
    if usage.free < limit:
        text = f"The disk is full: {room}, and below {format_size(limit)} no mail is taken."
        found = _finding("disk", "bad", text, mend)
    elif usage.free < max(2 * limit, _GIB):
        found = _finding("disk", "warn", f"The disk is nearly full: {room}.", mend)
    else:
        found = _finding("disk", "ok", f"{room}.")
    try:
        seconds = await asyncio.to_thread(_sync_time, data)
    except OSError as error:
        text = f"The data folder cannot be written: {error.strerror}."
        return [found, _finding("disk-sync", "bad", text, "Check the disk and the folder's owner.")]
    text = f"The disk makes a write durable in {seconds * 1000:.1f} ms."
    if seconds > 0.1:
        mend = "A disk without a slow spinning or network part makes the server take mail faster."
        return [found, _finding("disk-sync", "warn", text, mend)]
    return [found, _finding("disk-sync", "ok", text)]


def _sync_time(folder: Path) -> float:
    """The median of five small durable writes, in seconds."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(5):
            file.write(bytes(4096))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return sorted(times)[2]


@check("data-folder", "machine")
async def data_folder(look: Look) -> Finding:
    """Nobody else may look into the data folder."""
    data = look.context.config.data
    if os.name != "posix":
        return _finding(
            "data-folder", "unknown", "This system's folder rights are not checked.", "Look at them by hand."
        )
    status = os.stat(data)
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = stat.S_IMODE(status.st_mode)
        text = f"Others on this machine may look into {data} (mode {mode:04o})."
        return _finding("data-folder", "warn", text, f"chmod 700 {data}")
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        return _finding(
            "data-folder", "bad", f"The server may not write to {data}.", f"Correct the owner of {data}."
        )
    return _finding("data-folder", "ok", f"Only the server may look into {data}.")


# ---------------------------------------------------------------------- database

DATABASE_SLOW = 2.0
"""Seconds that an answer may take; a busy machine takes a good part of one now and then."""
DATABASE_TRIES = 3
"""The best of these counts."""

_SCHEMA: Select[Any] = select(column("version_num")).select_from(table("alembic_version"))


@check("database", "machine")
async def database(look: Look) -> Finding:
    """It answers, and its schema is this program's."""

    def op(tx: Transaction) -> str:
        rows = tx.execute(_SCHEMA)
        return str(rows[0][0]) if rows else ""

    took = math.inf
    try:
        for _ in range(DATABASE_TRIES):
            began = time.perf_counter()
            found = await look.context.database.scan(op)
            took = min(took, time.perf_counter() - began)
            if took < DATABASE_SLOW:
                break
    except DatabaseUnavailable as error:
        text = f"The database cannot be reached: {error}."
        return _finding(
            "database", "bad", text, "Check the database server and database_url in posthouse.toml."
        )
    newest = newest_schema()
    if found != newest:
        text = f"The database has schema {found or 'none'}, this program wants {newest}."
        return _finding("database", "bad", text, "Restart the server: it brings the schema up to date.")
    state: FindingState = "warn" if took >= DATABASE_SLOW else "ok"
    mend = "A slow database makes everything slow: see what else uses it." if state == "warn" else ""
    return _finding(
        "database", state, f"The database answers in {took * 1000:.0f} ms; its schema is the newest.", mend
    )


def newest_schema() -> str:
    """The number of the newest migration."""
    folder = resources.files("posthouse.database.migrations") / "versions"
    return max(each.name[:4] for each in folder.iterdir() if each.name[:4].isdigit())


# ---------------------------------------------------------------------- certificate


@check("certificate", "server")
async def certificate(look: Look) -> Finding:
    """The certificate that clients see: connected to as they do, on our own port."""

    def finding(state: FindingState, text: str, mend: str = "") -> Finding:
        return Finding(
            name="certificate", group="server", state=state, text=text, mend=mend, subject=look.host
        )

    place = next((one for one in look.listeners if one.tls == "implicit"), None)
    if place is None:
        return finding(
            "unknown", "No listener with TLS from the start is open.", "Add one to posthouse.toml."
        )
    try:
        der = await _certificate_at(setup_facts.reachable(place.address), place.port, look.host)
    except (OSError, ssl.SSLError) as error:
        return finding("bad", f"TLS on our own port {place.port} fails: {error}.", "See the server's log.")
    found = judge_certificate(der, look.host, datetime.datetime.now(datetime.UTC))
    return await _with_order(look, found) if found.state in ("bad", "warn") else found


async def _with_order(look: Look, finding: Finding) -> Finding:
    """The finding with what became of an order for the name; where there is none, one can be made."""
    orders = [
        view for view in await all_views(look.context) if view.source == "acme" and look.host in view.hosts
    ]
    if not orders:
        return msgspec.structs.replace(finding, order=(look.host,)) if "." in look.host else finding
    if orders[0].state == "ordering":
        return msgspec.structs.replace(finding, mend="One is being ordered: look again in a minute.")
    if orders[0].last_error:
        text = f"{finding.text} The last order failed: {orders[0].last_error.rstrip('.')}."
        return msgspec.structs.replace(
            finding, text=text, mend="Mend that; it is tried again by itself (see the certificates)."
        )
    return finding


def _certificate(host: str, state: FindingState, text: str, mend: str = "") -> Finding:
    return Finding(name="certificate", group="server", state=state, text=text, mend=mend, subject=host)


async def _certificate_at(address: str, port: int, host: str) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # what is wrong with it is what we want to see
    async with asyncio.timeout(5):
        _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
    try:
        found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return found
    finally:
        writer.transport.abort()


def judge_certificate(der: bytes, host: str, now: datetime.datetime) -> Finding:
    """The finding about a certificate."""
    from cryptography import x509

    from posthouse.net.certificates import names_in

    finding = partial(_certificate, host)
    found = x509.load_der_x509_certificate(der)
    names = names_in(ssl.DER_cert_to_PEM_cert(der).encode())
    days = (found.not_valid_after_utc - now).days
    renew = "Have it renewed (see the certificates), or give the server another one."
    if found.not_valid_after_utc < now:
        return finding("bad", f"The certificate expired on {found.not_valid_after_utc:%Y-%m-%d}.", renew)
    if found.issuer == found.subject:
        return finding(
            "warn",
            f"The certificate is self-made: mail programs ask whether to trust it ({days} days left).",
            "Order one from a certificate authority: posthouse certificate order.",
        )
    parent = "*." + host.partition(".")[2]
    if host not in names and parent not in names:
        shown = ", ".join(names) or "no name"
        return finding(
            "bad", f"The certificate is for {shown}, not for {host}.", "Order one for the host name."
        )
    if days < 14:
        return finding("warn", f"The certificate ends in {days} days.", renew)
    return finding("ok", f"The certificate is for {', '.join(names)} and valid for {days} days.")
