"""The client side of the control socket: plain blocking sockets, so that a short command starts fast."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from posthouse.cli.errors import CommandError
from posthouse.manage.address import HAS_UNIX, PROTOCOL, ShortPath, control_path, token_path

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 300.0
"""Longest silence of a running use; long ones report progress far more often."""

_TOO_LATE = "Look at the server's log; what the command changed, if anything, `posthouse status` shows."


class NotRunning(Exception):
    """Nobody answers on the control socket."""


class ControlClient:
    """One connection to a running server. Raises NotRunning when there is none."""

    def __init__(self, data: str, control: str) -> None:
        self._token = ""
        self._socket = _connect_unix(control_path(data, control)) if HAS_UNIX else self._connect_port(data)
        self._reader = self._socket.makefile("rb")

    def _connect_port(self, data: str) -> socket.socket:
        try:
            port, self._token = token_path(data).read_text().split()
            return socket.create_connection(("127.0.0.1", int(port)), CONNECT_SECONDS)
        except (FileNotFoundError, ValueError, ConnectionError, TimeoutError):
            raise NotRunning from None
        except PermissionError:
            raise _not_permitted(token_path(data)) from None

    def call(self, use: str, parameters: dict[str, Any], emitted: Callable[[Any], None]) -> Any:
        """Run one use; its result as plain lists and dicts. ``emitted`` gets each intermediate value. Raises
        CommandError with the server's own words when the use declines."""
        request = {"protocol": PROTOCOL, "use": use, "parameters": parameters, "token": self._token}
        self._socket.settimeout(ANSWER_SECONDS)
        try:
            self._socket.sendall(msgspec.json.encode(request) + b"\n")
            while True:
                answer = msgspec.json.decode(self._line())
                if "emit" not in answer:
                    break
                emitted(answer["emit"])
        except TimeoutError:
            raise CommandError("unavailable", "The server does not answer.", _TOO_LATE) from None
        except (ConnectionError, msgspec.DecodeError):
            raise CommandError("unavailable", "The server ended the connection.", _TOO_LATE) from None
        if "error" in answer:
            error = answer["error"]
            raise CommandError(error["kind"], error["what"], error["mend"], tuple(error["problems"]))
        return answer["result"]

    def _line(self) -> bytes:
        line = self._reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError
        return line

    def close(self) -> None:
        """End the connection."""
        self._reader.close()
        self._socket.close()


def _connect_unix(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(CONNECT_SECONDS)
    try:
        with ShortPath(path) as name:
            connection.connect(name)
    except PermissionError:
        connection.close()
        raise _not_permitted(path) from None
    except (FileNotFoundError, NotADirectoryError, ConnectionError):
        connection.close()
        raise NotRunning from None
    except TimeoutError:
        connection.close()
        raise CommandError(
            "unavailable", f"The server does not answer on {path}.", "Look at its log, or stop it."
        ) from None
    except OSError as error:
        connection.close()
        raise CommandError("failed", f"{path}: {error}.", "Check the data folder's path.") from None
    return connection


def _not_permitted(path: Path) -> CommandError:
    return CommandError(
        "refused",
        f"You may not open {path}.",
        "Run the command as root or as the user the server runs as.",
    )
