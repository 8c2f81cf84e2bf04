"""What every command shares: the configuration it speaks about, how to run a use, and how to print."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from posthouse.cli.client import ControlClient, NotRunning
from posthouse.cli.errors import CommandError

if TYPE_CHECKING:
    from posthouse.cli.commands.serve import ServeRunner
    from posthouse.settings.config import Config


class Session:
    """The context of one command line. ``as_json``: print results as JSON for programs."""

    def __init__(self) -> None:
        self.config_path: str | None = None
        self.data: str | None = None
        self.as_json = False
        self.serve_runner: ServeRunner | None = None

    @cached_property
    def config(self) -> Config:
        """The configuration in force. Raises CommandError."""
        from posthouse.settings.config_error import ConfigError
        from posthouse.settings.load import load_config

        try:
            return load_config(self.config_path, self.data)
        except ConfigError as error:
            raise CommandError("invalid", f"{error}.", error.mend) from None

    def call(
        self, use: str, parameters: dict[str, Any] | None = None, emitted: Callable[[Any], None] | None = None
    ) -> Any:
        """Run a use on the running server, or on the data folder when none runs; the result as lists and
        dicts."""
        config = self.config
        wanted = {key: value for key, value in (parameters or {}).items() if value is not None}
        _check_text(wanted)
        listen = emitted or (lambda value: None)
        try:
            client = ControlClient(config.data, config.control)
        except NotRunning:
            return self._offline(use, wanted, listen)
        try:
            return client.call(use, wanted, listen)
        finally:
            client.close()

    def _offline(self, use: str, parameters: dict[str, Any], emitted: Callable[[Any], None]) -> Any:
        from posthouse.manage.errors import ManageError
        from posthouse.manage.offline import run_offline

        try:
            return run_offline(self.config, use, parameters, emitted, may_create=self._is_named())
        except ManageError as error:
            raise CommandError(error.kind, error.what, error.mend, error.problems) from None

    def _is_named(self) -> bool:
        """Whether somebody chose the data folder: a command in a wrong folder must not make an empty one
        there."""
        from posthouse.settings.load import is_configured

        return self.data is not None or is_configured(self.config_path)

    def show(self, result: Any, words: Callable[[Any], None]) -> None:
        """Print a result: as JSON if asked, else by ``words``."""
        if self.as_json:
            sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
            sys.stdout.buffer.flush()
        else:
            words(result)


def _check_text(parameters: dict[str, Any]) -> None:
    """Python keeps bytes of the command line that are not UTF-8 as lone surrogates: refuse them by name."""
    for name, value in parameters.items():
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise CommandError(
                    "invalid", f"The {name} holds bytes that are not UTF-8.", "Write it in UTF-8."
                ) from None
