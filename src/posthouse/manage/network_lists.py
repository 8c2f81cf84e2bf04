"""Block lists and allow lists: networks that may not connect, or always may, from files and URLs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import ClassVar

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import network_lists as lists
from posthouse.directory.network_lists import Kept, ListConfig
from posthouse.manage.audit import note
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.manage.network_lists_refresh import Refresher, networks_of
from posthouse.manage.use import Call, Nothing, use
from posthouse.net.countries import CountryFile, Unreadable
from posthouse.net.screening import COUNTRIES, WORDS, CountryRule, Kind, NetworkList, Screening
from posthouse.settings import geoip as settings_geoip
from posthouse.settings.values import parse_duration


class NewNetworkList(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A list by its ``name`` (letters, digits, dots, - and _). ``kind``: ``block`` or ``allow``. ``place``: a full path
    on the server, or a URL. ``refresh``: how often it is looked for a newer one, such as 12h. ``protocols``: smtp (and
    LMTP), submission, imap, pop3, web."""

    name: str
    place: str
    kind: str = "block"
    refresh: str = "12h"
    protocols: list[str] = msgspec.field(default_factory=lambda: list(WORDS))
    active: bool = True


class NetworkListChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is left out stays as it is (see adding a list)."""

    name: str
    place: str | None = None
    kind: str | None = None
    refresh: str | None = None
    protocols: list[str] | None = None
    active: bool | None = None


class NetworkListName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list by its name."""

    name: str


class NetworkListView(msgspec.Struct, frozen=True, kw_only=True):
    """A list (see adding one; ``refresh`` in seconds) and how it is. ``holds``: there is a good copy, of ``entries``
    networks and ``size`` bytes, had or found unchanged at ``good_at``; ``skipped`` lines of it were not understood.
    ``tried_at``: the last try; ``failures`` in a row and the ``trouble`` of the last one. ``refused``: connections
    since the start of the server. Times in seconds since 1970, 0 for never."""

    volatile: ClassVar[frozenset[str]] = frozenset(
        ("holds", "entries", "skipped", "size", "good_at", "tried_at", "failures", "trouble", "refused")
    )

    name: str
    kind: str
    place: str
    refresh: int
    protocols: list[str]
    active: bool
    holds: bool
    entries: int
    skipped: int
    size: int
    good_at: float
    tried_at: float
    failures: int
    trouble: str
    refused: int = 0


class CountryState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of countries. ``database``: the file of the setting, ``kind`` what it calls itself, ``built`` when
    it was made (seconds since 1970), or the ``trouble`` with it. ``rules`` by protocol, as in the settings."""

    database: str = ""
    kind: str = ""
    built: float = 0.0
    trouble: str = ""
    rules: dict[str, str] = {}
    refused: dict[str, int] = {}


class NetworkLists(msgspec.Struct, frozen=True):
    """By name; and what is known of countries."""

    lists: list[NetworkListView]
    countries: CountryState


@use("network_list.list", right="view")
async def list_all(call: Call, wanted: Nothing) -> NetworkLists:
    """List the block lists and allow lists with how they are, and what is known of countries."""
    found = await call.context.database.scan(lists.every)
    counted = await _refused(call.context)
    views = [_view(each, counted.get(f"list {each.config.name}", 0)) for each in found]
    return NetworkLists(views, await _countries(call.context, counted))


@use("network_list.show", right="view")
async def show(call: Call, wanted: NetworkListName) -> NetworkListView:
    """Show a block list or allow list, and how it is."""
    return await _shown(call, wanted.name)


@use("network_list.add", right="change")
async def add(call: Call, wanted: NewNetworkList) -> NetworkListView:
    """Add a list of networks that may not connect, or that always may, and get it."""
    config = lists.check(
        ListConfig(
            wanted.name,
            _kind(wanted.kind),
            wanted.place.strip(),
            _seconds(wanted.refresh),
            _ordered(wanted.protocols),
            wanted.active,
        )
    )

    def op(tx: Transaction) -> None:
        lists.add(tx, config, call.context.feed)
        note(tx, call.actor, "network_list.add", config.name, after=_told(config))

    await call.context.database.run(op)
    return await _got(call, config.name)


@use("network_list.change", right="change", conditional=True)
async def change(call: Call, wanted: NetworkListChange) -> NetworkListView:
    """Change a list of networks; one that leads elsewhere now is got."""

    def op(tx: Transaction) -> bool:
        known = lists.find(tx, wanted.name, lock=True)
        call.check(_view(known))
        before = known.config
        after = lists.check(
            replace(
                before,
                kind=before.kind if wanted.kind is None else _kind(wanted.kind),
                place=before.place if wanted.place is None else wanted.place.strip(),
                refresh=before.refresh if wanted.refresh is None else _seconds(wanted.refresh),
                protocols=before.protocols if wanted.protocols is None else _ordered(wanted.protocols),
                active=before.active if wanted.active is None else wanted.active,
            )
        )
        lists.change(tx, after, call.context.feed)
        note(tx, call.actor, "network_list.change", after.name, before=_told(before), after=_told(after))
        return after.active and (after.place != before.place or not before.active)

    if await call.context.database.run(op):
        return await _got(call, wanted.name)
    return await _shown(call, wanted.name)


@use("network_list.remove", right="change", conditional=True)
async def remove(call: Call, wanted: NetworkListName) -> NetworkListView:
    """Remove a list of networks."""

    def op(tx: Transaction) -> NetworkListView:
        known = lists.find(tx, wanted.name, lock=True)
        call.check(_view(known))
        lists.remove(tx, wanted.name, call.context.feed)
        note(tx, call.actor, "network_list.remove", wanted.name, before=_told(known.config))
        return _view(known)

    gone = await call.context.database.run(op)
    await _refresher(call.context).tidy(wanted.name)
    return gone


@use("network_list.refresh", right="change")
async def refresh(call: Call, wanted: NetworkListName) -> NetworkListView:
    """Get a list of networks now, also where it has not changed."""

    def op(tx: Transaction) -> None:
        lists.find(tx, wanted.name)
        note(tx, call.actor, "network_list.refresh", wanted.name)

    await call.context.database.run(op)
    await _refresher(call.context).refresh(wanted.name, anew=True)
    return await _shown(call, wanted.name)


async def screening_of(context: Context) -> Screening:
    """What holds now; of a stopped server what would hold, but for who is spared."""
    if context.screening is not None:
        return context.screening()
    found: list[NetworkList] = []
    for kept in await context.database.scan(lists.every):
        if kept.config.active:
            try:
                networks = await networks_of(context.database, kept)
            except ValueError:
                continue
            config = kept.config
            found.append(NetworkList(config.name, config.kind, frozenset(config.protocols), networks))
    rules = {
        word: CountryRule(*rule)
        for word, each in COUNTRIES.items()
        if (rule := settings_geoip.rule(context.settings.now[each])) is not None
    }
    file, _ = await _opened(context)
    return Screening(found, rules, file)


async def _opened(context: Context) -> tuple[CountryFile | None, str]:
    """The database of countries, or the trouble with it."""
    if context.countries is not None:
        return context.countries.file, context.countries.trouble
    path = context.settings.now[settings_geoip.DATABASE]
    if not path:
        return None, ""
    try:
        return await asyncio.to_thread(CountryFile, path), ""
    except Unreadable as problem:
        return None, str(problem)


async def _countries(context: Context, counted: dict[str, int]) -> CountryState:
    now = context.settings.now
    file, trouble = await _opened(context)
    refused = {
        name.partition(" ")[2]: count for name, count in counted.items() if name.startswith("country ")
    }
    return CountryState(
        database=now[settings_geoip.DATABASE],
        kind=file.kind if file is not None else "",
        built=file.built if file is not None else 0.0,
        trouble=trouble,
        rules={word: now[each] for word, each in COUNTRIES.items() if now[each]},
        refused=dict(sorted(refused.items())),
    )


async def _got(call: Call, name: str) -> NetworkListView:
    """The list, after an attempt to get it."""
    found = await call.context.database.read(lists.find, name)
    if found.config.active:
        await _refresher(call.context).refresh(name)
    return await _shown(call, name)


async def _shown(call: Call, name: str) -> NetworkListView:
    found = await call.context.database.read(lists.find, name)
    return _view(found, (await _refused(call.context)).get(f"list {name}", 0))


def _refresher(context: Context) -> Refresher:
    return Refresher(context.database, context.settings, context.feed)


async def _refused(context: Context) -> dict[str, int]:
    """Connections that were kept out since the start, by why."""
    if context.measures is None:
        return {}
    facts = await context.measures.now()
    return {name: int(count) for name, count in facts.counted.get("kept_out", {}).items()}


def _kind(text: str) -> Kind:
    if text not in ("block", "allow"):
        raise ManageError("invalid", f"kind: {text[:20]!r} is none.", "Give block or allow.")
    return "allow" if text == "allow" else "block"


def _seconds(text: str) -> int:
    try:
        return int(parse_duration(text))
    except (ValueError, OverflowError):
        raise ManageError(
            "invalid", f"refresh: {text[:40]!r} is no time.", "Give one such as 12h or 1d."
        ) from None


def _ordered(words: list[str]) -> tuple[str, ...]:
    known = tuple(word for word in WORDS if word in words)
    return known + tuple(word[:40] for word in words if word not in WORDS)


def _view(kept: Kept, refused: int = 0) -> NetworkListView:
    config, state = kept.config, kept.state
    return NetworkListView(
        name=config.name,
        kind=config.kind,
        place=config.place,
        refresh=config.refresh,
        protocols=list(config.protocols),
        active=config.active,
        holds=bool(state.generation),
        entries=state.entries,
        skipped=state.skipped,
        size=state.size,
        good_at=state.good_at,
        tried_at=state.tried_at,
        failures=state.failures,
        trouble=state.trouble,
        refused=refused,
    )


def _told(config: ListConfig) -> dict[str, object]:
    """A list as the audit has it."""
    return {
        "kind": config.kind,
        "place": lists.shown_place(config.place),
        "refresh": config.refresh,
        "protocols": list(config.protocols),
        "active": config.active,
    }
