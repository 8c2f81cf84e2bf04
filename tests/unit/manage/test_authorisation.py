"""Who may do what: every registered use, for every role, and with every right missing.

The table stands in ``samples/*.py``, one file for each topic: the name of a use, parameters that name things of
``own.example`` (``{domain}``, ``{address}`` of a user there, ``{alias}``), and who may do that:

* ``server``: server administrators only;
* ``domain``: they, and an administrator of own.example;
* ``owner``: they, and the account ``{address}`` itself;
* ``each administrator``, ``each``: every administrator or everybody, who see and change only what is theirs (such
  a use is then really run by strangers, who must learn nothing of own.example and change nothing there).
"""

from __future__ import annotations

import dataclasses
import math
import runpy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from posthouse.database.contract import Transaction
from posthouse.directory import admin
from posthouse.directory.roles import domains_of, role_of, set_role
from posthouse.manage import use as register
from posthouse.manage.context import ALL_RIGHTS, Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, perform, uses

SAMPLES: dict[str, tuple[dict[str, Any], str]] = {}
for _file in sorted((Path(__file__).parent / "samples").glob("*.py")):
    for _name, _sample in runpy.run_path(str(_file))["SAMPLES"].items():
        assert _name not in SAMPLES, f"{_file.name}: {_name} has a sample in another file"
        SAMPLES[_name] = _sample

NAMES = {"domain": "own.example", "address": "anna@own.example", "alias": "info@own.example"}

ACTORS = {
    "server": Actor("root@hq.example", "web", role="server", account="root@hq.example", account_id=1),
    "domain": Actor(
        "dora@own.example",
        "web",
        role="domain",
        account="dora@own.example",
        account_id=2,
        domains=frozenset({"own.example"}),
    ),
    "other domain": Actor(
        "olaf@other.example",
        "web",
        role="domain",
        account="olaf@other.example",
        account_id=4,
        domains=frozenset({"other.example"}),
    ),
    "self": Actor("anna@own.example", "web", role="user", account="anna@own.example", account_id=3),
    "other user": Actor("bert@other.example", "web", role="user", account="bert@other.example", account_id=5),
}

MAY = {
    "server": {"server"},
    "domain": {"server", "domain"},
    "owner": {"server", "domain", "self"},
    "each administrator": {"server", "domain", "other domain"},
    "each": set(ACTORS),
}


class Reached(Exception):
    """The gate let the call through."""


def filled(value: Any) -> Any:
    """Parameters with the names of own.example in them."""
    if isinstance(value, str):
        for name, text in NAMES.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, dict):
        return {key: filled(each) for key, each in value.items()}
    return [filled(each) for each in value] if isinstance(value, list) else value


def product_uses() -> list[str]:
    """The uses of the program; other tests of this process may register their own."""
    return [name for name in uses() if not name.startswith("test.")]


def test_every_use_has_a_sample() -> None:
    """A use that nobody says who may do is a mistake waiting to happen."""
    missing = [name for name in product_uses() if name not in SAMPLES]
    assert not missing, (
        "No sample for: " + ", ".join(missing) + ". Add to a file of tests/unit/manage/samples/ a line "
        '"thing.verb": ({parameters}, "server" | "domain" | "owner" | "each administrator" | "each"); '
        "this test's first lines explain."
    )
    stale = [name for name in SAMPLES if name not in uses()]
    assert not stale, f"There are no uses {', '.join(stale)}: remove their samples."


def test_samples_say_what_the_uses_declare() -> None:
    """``each`` is for uses that keep to what is the caller's in their body, and only for those."""
    for name, (parameters, who) in SAMPLES.items():
        about = uses()[name].about if name in uses() else None
        if about is not None:
            named = list(about(msgspec.convert(filled(parameters), uses()[name].parameters)))
            assert who.startswith("each") == (not named), name


@pytest.fixture
def gate_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every use stops where its body would begin."""

    async def reached(call: Call, wanted: Any) -> Any:
        raise ConnectionError("reached") from Reached()

    monkeypatch.setattr(
        register,
        "_uses",
        {name: dataclasses.replace(one, body=reached) for name, one in register._uses.items()},
    )


async def passes(context: Context, actor: Actor, name: str, parameters: Any) -> bool:
    try:
        await perform(context, actor, name, parameters)
    except ConnectionError as error:
        return isinstance(error.__cause__, Reached)
    except ManageError as error:
        if (error.kind, error.what) != ("refused", f"{actor.name} may not do {name} here."):
            raise AssertionError(f"{name}: the sample is wrong: {error.what}") from error
        return False
    raise AssertionError(f"{name} answered without its body")


async def test_every_use_for_every_role(context: Context, gate_only: None) -> None:
    """Let in are those the table names, and nobody else."""
    wrong = []
    for name, (parameters, who) in SAMPLES.items():
        if name not in uses():
            continue
        for actor_name, actor in ACTORS.items():
            if await passes(context, actor, name, filled(parameters)) != (actor_name in MAY[who]):
                wrong.append(f"{name} by {actor_name}")
    assert not wrong


async def test_every_use_with_each_right_missing(context: Context, gate_only: None) -> None:
    """Without its right a use is refused to the highest role; with that right alone it is not."""
    for name, (parameters, _) in SAMPLES.items():
        if name not in uses():
            continue
        right = uses()[name].right
        without = dataclasses.replace(ACTORS["server"], rights=ALL_RIGHTS - {right})
        alone = dataclasses.replace(ACTORS["server"], rights=frozenset({right}))
        assert not await passes(context, without, name, filled(parameters)), name
        assert await passes(context, alone, name, filled(parameters)), name


@pytest.fixture
async def world(context: Context) -> Context:
    """The domains and people of the table."""
    credentials = await context.passwords.make("correct horse battery")

    def op(tx: Transaction) -> None:
        for domain in ("hq.example", "own.example", "other.example"):
            admin.add_domain(tx, domain)
        for address in (actor.account for actor in ACTORS.values()):
            context.mail.provision_in(tx, admin.add_account(tx, address, credentials).id)
        admin.add_alias(tx, "info@own.example", "anna@own.example")
        admin.add_alias(tx, "info@other.example", "bert@other.example")
        for actor in ACTORS.values():
            set_role(tx, admin.find_account(tx, actor.account), actor.role, actor.domains)

    await context.database.run(op)
    root = Actor("uid 0", "control socket")
    for address in ("anna@own.example", "bert@other.example"):
        await perform(context, root, "account.quota", {"address": address, "quota": "1G"})
    return context


async def real(context: Context, actor: Actor) -> Actor:
    """The actor with the ids that the database gave."""

    def op(tx: Transaction) -> int:
        return admin.find_account(tx, actor.account).id

    return dataclasses.replace(actor, account_id=await context.database.run(op))


def state(tx: Transaction) -> list[Any]:
    """All that is kept about own.example."""
    accounts = admin.list_accounts(tx, "own.example")
    roles = [(role_of(tx, row.id), domains_of(tx, row.id)) for row in accounts]
    return [accounts, admin.list_aliases(tx, "own.example"), roles]


@pytest.mark.parametrize("stranger", ["other domain", "other user"])
async def test_strangers_learn_and_change_nothing(world: Context, stranger: str) -> None:
    """Uses that narrow are really run by people who have nothing to do with own.example."""
    actor = await real(world, ACTORS[stranger])
    before = await world.database.run(state)
    for name, (parameters, who) in SAMPLES.items():
        if name not in uses() or stranger not in MAY[who]:
            continue
        told: list[Any] = []

        async def emit(value: Any, told: list[Any] = told) -> None:
            told.append(value)

        try:
            told.append(await perform(world, actor, name, filled(parameters), emit))
        except ManageError as error:
            if error.kind == "failed":
                raise AssertionError(f"{name} broke") from error
        assert b"own.example" not in msgspec.json.encode(told), name
        assert await world.database.run(state) == before, name


async def test_lists_show_own_things(world: Context) -> None:
    """The other side of it: the administrator of a domain sees all of that domain, a user the own lines."""
    dora = await real(world, ACTORS["domain"])
    accounts = await perform(world, dora, "account.list", {})
    assert [row.address for row in accounts.accounts] == ["anna@own.example", "dora@own.example"]
    assert accounts.total == 2
    assert [row.name for row in (await perform(world, dora, "domain.list", {})).domains] == ["own.example"]
    assert [row.address for row in (await perform(world, dora, "alias.list", {})).aliases] == [
        "info@own.example"
    ]
    lines = (await perform(world, dora, "audit.list", {})).lines
    assert [(line.use, line.subject) for line in lines] == [("account.quota", "anna@own.example")]
    anna = await real(world, ACTORS["self"])
    assert (await perform(world, anna, "audit.list", {})).lines == lines
    bert = await real(world, ACTORS["other user"])
    assert [line.subject for line in (await perform(world, bert, "audit.list", {})).lines] == [
        "bert@other.example"
    ]
    with pytest.raises(ManageError) as caught:
        await perform(world, dora, "account.list", {"domain": "other.example"})
    assert caught.value.kind == "refused"


async def declined(context: Context, actor: Actor, name: str, **parameters: Any) -> None:
    with pytest.raises(ManageError) as caught:
        await perform(context, actor, name, parameters)
    assert caught.value.kind == "refused", caught.value.what


async def test_a_domain_administrator_cannot_rise(world: Context) -> None:
    """Accounts of higher administrators in the own domain are out of reach: their password would be theirs."""
    dora = await real(world, ACTORS["domain"])
    root = Actor("uid 0", "control socket")
    for address, role, domains in (
        ("chief@own.example", "server", []),
        ("wide@own.example", "domain", ["own.example", "other.example"]),
        ("peer@own.example", "domain", ["own.example"]),
    ):
        await perform(world, root, "account.add", {"address": address, "password": "long enough"})
        await perform(world, root, "account.role", {"address": address, "role": role, "domains": domains})
    for address in ("chief@own.example", "wide@own.example"):
        await declined(world, dora, "account.password", address=address, password="taken over")
        await declined(world, dora, "account.quota", address=address, quota="1K")
        await declined(world, dora, "account.active", address=address, active=False)
        await declined(world, dora, "account.remove", address=address)
    await declined(world, dora, "account.role", address="anna@own.example", role="server")
    await declined(world, dora, "account.remove", address="dora@own.example")
    await perform(world, dora, "account.quota", {"address": "peer@own.example", "quota": "1G"})
    # An account outside the administered domains is not governed by its owner's role.
    away = dataclasses.replace(dora, domains=frozenset({"other.example"}))
    await declined(world, away, "account.quota", address="dora@own.example", quota="none")


async def test_the_last_server_administrator_stays(world: Context) -> None:
    """Neither demoted, nor closed, nor removed; the machine's own administrator may with force."""
    root = await real(world, ACTORS["server"])
    local = Actor("uid 0", "control socket")
    assert local.fresh_at == math.inf
    await declined(world, root, "account.role", address="root@hq.example", role="user")
    await declined(world, root, "account.active", address="root@hq.example", active=False)
    await declined(world, local, "account.remove", address="root@hq.example")
    await declined(world, root, "account.role", address="root@hq.example", role="user", force=True)
    await perform(world, root, "account.role", {"address": "anna@own.example", "role": "server"})
    await perform(world, root, "account.active", {"address": "anna@own.example", "active": False})
    await declined(world, root, "account.role", address="root@hq.example", role="user")  # anna cannot sign in
    forced = {"address": "root@hq.example", "role": "user", "force": True}
    assert (await perform(world, local, "account.role", forced)).role == "user"


async def test_roles_go_with_account_and_domain(world: Context) -> None:
    """A new account of the same address is an ordinary user, and nobody administers a domain that is gone."""
    local = Actor("uid 0", "control socket")
    await perform(world, local, "account.remove", {"address": "dora@own.example", "purge": True})
    await perform(world, local, "account.add", {"address": "dora@own.example", "password": "long enough"})
    shown = await perform(world, local, "account.show", {"address": "dora@own.example"})
    assert (shown.role, shown.domains) == ("user", [])
    for address in ("bert@other.example", "olaf@other.example"):
        await perform(world, local, "account.remove", {"address": address, "purge": True})
    both = {"address": "anna@own.example", "role": "domain", "domains": ["own.example", "other.example"]}
    await perform(world, local, "account.role", both)
    await perform(world, local, "alias.remove", {"address": "info@other.example"})
    await perform(world, local, "domain.remove", {"name": "other.example", "purge": True})
    await perform(world, local, "domain.add", {"name": "other.example"})
    shown = await perform(world, local, "account.show", {"address": "anna@own.example"})
    assert shown.domains == ["own.example"]
