"""How a command is declared: its group, its name, the use it calls, and the options that all have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from posthouse.cli.session import Session

Function = Callable[..., Any]

USES: set[str] = set()
"""Every use that some command reaches; a house test compares it with the register of ``manage``."""

OWN = "me."
"""Uses that begin so are about the caller's own account. The command line has none: it acts as the server, and has
its own commands for other people's accounts."""


def _config(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Session).config_path = value


def _data(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Session).data = value


def _json(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Session).as_json = True


def with_place(function: Function) -> Function:
    """Add ``--config``, ``--data`` and ``--json``."""
    for option in (
        click.option(
            "--json", is_flag=True, expose_value=False, callback=_json, help="Print the result as JSON."
        ),
        click.option("--data", metavar="DIR", expose_value=False, callback=_data, help="The data folder."),
        click.option(
            "--config", metavar="FILE", expose_value=False, callback=_config, help="The configuration file."
        ),
    ):
        function = option(function)
    return function


def command(group: click.Group, name: str, *uses: str) -> Callable[[Function], click.Command]:
    """Declare a command of ``group`` that calls these uses. Its function gets the :class:`Session` first."""
    USES.update(uses)

    def declare(function: Function) -> click.Command:
        return group.command(name)(with_place(click.make_pass_decorator(Session, ensure=True)(function)))

    return declare
