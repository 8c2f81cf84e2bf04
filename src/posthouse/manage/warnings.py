"""What an administrator should see to: each trouble in words, with its mend."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import func, select

from posthouse.database.contract import Transaction
from posthouse.deliver import webhook_rows
from posthouse.deliver.remote import tls_memory
from posthouse.directory import autoban, brakes, dkim, network_lists, ranges
from posthouse.directory.people_records import account_roles
from posthouse.directory.records import accounts
from posthouse.manage import warnings_quota, warnings_sending
from posthouse.manage.backup_records import SELECT_STATE
from posthouse.manage.context import Context
from posthouse.manage.measurements import NodeFacts
from posthouse.manage.setup_facts import host_name
from posthouse.net.screening import COUNTRIES
from posthouse.queue import view
from posthouse.settings import geoip as settings_geoip
from posthouse.settings import kerberos as settings_kerberos
from posthouse.settings import limits as settings_limits
from posthouse.settings import setup as settings_setup

CERTIFICATE_DAYS = 14
QUEUE_HOURS = 4
BACKUP_DAYS = 8
DOWNGRADE_DAYS = 7
"""A domain that offers less TLS for longer is news no more."""
DKIM_HOURS = 24
"""A key that has waited longer for its record is worth a warning."""
DISK_SHARE = 0.05
"""Less than this share free is worth a warning."""
SANE_FROM = 1_750_000_000.0
"""No clock that is right shows a time before this program was written (June 2025)."""

MANY_AUTO_BANS = 200
"""So many automatic bans at once are an attack."""

_COUNT_SERVERS = (
    select(func.count())
    .select_from(account_roles.join(accounts, accounts.c.id == account_roles.c.account_id))
    .where(account_roles.c.role == "server", accounts.c.active == 1)
)
_NAME = re.compile(r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]\Z")


class Advice(msgspec.Struct, frozen=True):
    """``code`` is for programs and stays the same; ``what`` is the trouble, ``mend`` what to do about it."""

    code: str
    what: str
    mend: str


class Kept(msgspec.Struct, frozen=True):
    """What the database knows of it. ``backup_at`` is None where no backup was ever made; ``webhooks`` are those
    that fail, each in words; ``keys`` the DKIM keys whose record is not there; ``braked`` accounts whose mail is
    held; ``sending``: what hinders mail that leaves."""

    administrators: int
    oldest: float | None
    backup_at: float | None
    webhooks: tuple[str, ...] = ()
    keys: tuple[Advice, ...] = ()
    downgraded: tuple[str, ...] = ()
    braked: tuple[Advice, ...] = ()
    sending: tuple[Advice, ...] = ()
    ranges: tuple[Advice, ...] = ()
    """What is odd about the IP ranges and bans."""
    quotas: tuple[Advice, ...] = ()
    """What is nearly full."""


def read_kept(tx: Transaction, warning_levels: str = "") -> Kept:
    """What is read in one unit. ``warning_levels`` is the setting ``quota.warnings``."""
    rows = tx.execute(SELECT_STATE, {"name": "good"})
    failing = tuple(
        f"Webhook {each.id} to {each.place} " + (f"is off: {each.off_reason}" if each.off_reason else "fails")
        for each in webhook_rows.troubled(tx)
    )
    backup_at = _moment(rows[0][0]) if rows else None
    keys = _keys(dkim.troubled(tx, time.time() - DKIM_HOURS * 3600.0))
    administrators = int(tx.execute(_COUNT_SERVERS)[0][0])
    sending = tuple(Advice(*trouble) for trouble in warnings_sending.troubles(tx, time.time()))
    doors = tuple(Advice(*trouble) for trouble in ranges.troubles(tx)) + _auto_bans(tx)
    doors += tuple(Advice(*trouble) for trouble in network_lists.troubles(tx))
    return Kept(
        administrators,
        view.oldest(tx),
        backup_at,
        failing,
        keys,
        _downgraded(tx),
        _braked(tx),
        sending,
        doors,
        tuple(Advice(*trouble) for trouble in warnings_quota.troubles(tx, warning_levels)),
    )


def _auto_bans(tx: Transaction) -> tuple[Advice, ...]:
    count = autoban.standing(tx)
    if count < MANY_AUTO_BANS:
        return ()
    what = f"{count} addresses are banned because sign-ins failed: somebody is guessing passwords."
    return (
        Advice("bans.automatic", what, "See whose passwords they try on the page Bans; let them be strong."),
    )


def _braked(tx: Transaction) -> tuple[Advice, ...]:
    mend = "See who sends what on the page Who sends; release the mail, or reject it and block the account."
    return tuple(
        Advice("sending.braked", f"{address} suddenly sends far more than usual; its mail is held.", mend)
        for address, brake in brakes.standing(tx, count=20)
        if brake.holds
    )


def _downgraded(tx: Transaction) -> tuple[str, ...]:
    return tuple(row[0] for row in tls_memory.downgraded(tx, time.time() - DOWNGRADE_DAYS * 86400.0))


def _keys(rows: Sequence[dkim.KeyRow]) -> tuple[Advice, ...]:
    """DKIM keys that are used without their record, and those that wait for it."""
    found = []
    for row in rows:
        mend = f"Publish it as the page DNS of {row.domain} shows it (posthouse dkim list {row.domain})."
        if row.state == "active":
            what = (
                f"The DNS record of the DKIM key {row.selector} of {row.domain} is {row.dns}: others cannot verify the "
                "domain's mail by it."
            )
            found.append(Advice("dkim.vanished", what, mend))
        else:
            what = (
                f"The DKIM key {row.selector} of {row.domain} waits for its DNS record, and is not used before it is "
                "there."
            )
            found.append(Advice("dkim.waiting", what, mend))
    return tuple(found)


def warnings_of(context: Context, facts: NodeFacts | None, kept: Kept, now: float) -> list[Advice]:
    """All that are due, the gravest first."""
    found = [
        *_disk(context),
        *_clock(now, kept),
        *_certificates(facts, now),
        *_host_name(context),
        *kept.ranges,
        *_countries(context),
        *_kerberos(context),
        *kept.sending,
        *_queue(kept, now),
        *_workers(facts),
        *_administrators(kept),
        *_backup(kept, now, context),
        *_webhooks(kept),
        *_tls(kept),
        *kept.keys,
        *kept.braked,
        *kept.quotas,
    ]
    return found


def _disk(context: Context) -> list[Advice]:
    usage = shutil.disk_usage(context.config.data)
    least = context.settings.now[settings_limits.FREE_SPACE]
    if usage.free < least:
        what = "The disk is full: mail is refused for now."
    elif usage.free < max(2 * least, usage.total * DISK_SHARE):
        what = f"The disk is nearly full: {usage.free * 100 // max(1, usage.total)} % are free."
    else:
        return []
    mend = f"Make room in {context.config.data} or give it a larger disk (the limit is limits.free_space)."
    return [Advice("disk", what, mend)]


def _clock(now: float, kept: Kept) -> list[Advice]:
    if now >= SANE_FROM and (kept.oldest is None or kept.oldest < now + 3600):
        return []
    shown = time.strftime("%Y-%m-%d %H:%M", time.gmtime(now))
    return [
        Advice(
            "clock",
            f"The clock is wrong: it shows {shown} UTC.",
            "Set it, and let it be kept by NTP (systemd-timesyncd or chrony).",
        )
    ]


def _certificates(facts: NodeFacts | None, now: float) -> list[Advice]:
    if facts is None:
        return []
    found = []
    by_end: dict[float, list[str]] = {}
    for host, ends in facts.certificate_ends.items():
        by_end.setdefault(ends, []).append(host)
    for ends, hosts in sorted(by_end.items()):
        days = (ends - now) / 86400
        if days < CERTIFICATE_DAYS and not facts.self_made:
            state = "has ended" if days < 0 else f"ends in {int(days)} days"
            found.append(
                Advice(
                    "certificate.ends",
                    f"The certificate of {', '.join(sorted(hosts)[:5])} {state}.",
                    "See why it was not renewed, or put a new one in its place.",
                )
            )
    if facts.self_made:
        found.append(
            Advice(
                "certificate.self_made",
                "There is no certificate but a self-made one: mail programs warn, and some servers refuse.",
                "Get one by ACME on the page Certificates, or name your own in posthouse.toml ([[certificate]]).",
            )
        )
    return found


def _host_name(context: Context) -> list[Advice]:
    mend = (
        "Set server.hostname to the name this server is known by, such as mail.example.org (page Settings)."
    )
    name = host_name(context)
    if not (context.settings.now[settings_setup.HOSTNAME] or context.config.hostname):
        return [Advice("hostname.missing", "No host name is set; the machine's own is used.", mend)]
    if not _NAME.match(name.lower()):
        return [Advice("hostname.unqualified", f"The host name {name!r} is not a full one.", mend)]
    return []


def _countries(context: Context) -> list[Advice]:
    """Countries that are to be kept out, and no database that knows them."""
    now = context.settings.now
    path, keeper = now[settings_geoip.DATABASE], context.countries
    if path and keeper is not None and keeper.trouble:
        what = f"The database of countries {path} cannot be used: {keeper.trouble}. No country is kept out."
        return [Advice("geoip.database", what, "Put a good one in its place; it is read when it changes.")]
    if not path and any(now[each] for each in COUNTRIES.values()):
        what = "Countries are to be kept out, but there is no database that knows them."
        return [Advice("geoip.missing", what, "Name one in the setting geoip.database, or empty the rules.")]
    return []


def _kerberos(context: Context) -> list[Advice]:
    """A keytab that is of no use."""
    keeper, path = context.kerberos, context.settings.now[settings_kerberos.KEYTAB]
    if not path or keeper is None:
        return []
    if keeper.trouble:
        what = f"No Kerberos tickets are taken. The keytab {path}: {keeper.trouble}."
        mend = (
            "Put a good one there that the server's user may read; it is looked at again every few seconds."
        )
        return [Advice("kerberos.keytab", what, mend)]
    if missing := keeper.missing():
        what = f"The keytab {path} holds no key of {', '.join(missing)}: no tickets are taken there."
        return [Advice("kerberos.service", what, "Export the keys of all three: imap, pop and smtp.")]
    return []


def _queue(kept: Kept, now: float) -> list[Advice]:
    if kept.oldest is None or now - kept.oldest < QUEUE_HOURS * 3600:
        return []
    hours = int((now - kept.oldest) // 3600)
    return [
        Advice(
            "queue.old",
            f"A message has waited in the queue for {hours} hours.",
            "See the queue for the reason.",
        )
    ]


def _workers(facts: NodeFacts | None) -> list[Advice]:
    if facts is None or len(facts.processes) >= facts.workers:
        return []
    missing = facts.workers - len(facts.processes)
    return [
        Advice(
            "workers", f"{missing} of {facts.workers} workers do not answer.", "See the log for the reason."
        )
    ]


def _administrators(kept: Kept) -> list[Advice]:
    if kept.administrators:
        return []
    return [
        Advice(
            "administrator.none",
            "No account is a server administrator: nobody can sign in to these pages.",
            "Give an account the role: posthouse account role ADDRESS server.",
        )
    ]


def _webhooks(kept: Kept) -> list[Advice]:
    mend = "See its last trouble on the page Webhooks; a test there tells whether it is mended."
    return [Advice("webhook.fails", f"{text}.", mend) for text in kept.webhooks]


def _tls(kept: Kept) -> list[Advice]:
    if not kept.downgraded:
        return []
    mend = "See the page TLS to other servers; write to their postmaster, or forget what they offered before."
    names = ", ".join(kept.downgraded[:5]) + (" and others" if len(kept.downgraded) > 5 else "")
    return [Advice("tls.downgraded", f"Less TLS than before is offered by: {names}.", mend)]


def _backup(kept: Kept, now: float, context: Context) -> list[Advice]:
    mend = "Make one, and let it be made every night: see the page Backup, or `posthouse backup --help`."
    if kept.backup_at is None:
        return [Advice("backup.none", "No backup was ever made.", mend)]
    days = int((now - kept.backup_at) // 86400)
    return (
        [Advice("backup.old", f"The last good backup is {days} days old.", mend)]
        if days >= BACKUP_DAYS
        else []
    )


def _moment(value: str) -> float | None:
    """When the backup ended that this JSON describes (``backup.making`` writes it)."""
    try:
        found = msgspec.json.decode(value)
    except msgspec.DecodeError:
        return None
    ended = found.get("finished") if isinstance(found, Mapping) else None
    return float(ended) if isinstance(ended, (int, float)) else None
