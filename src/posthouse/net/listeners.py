"""Listening sockets: bound while the process may still take low ports, for one worker or for several.

They begin to listen when a worker is ready to take connections (``house``): until then peers are refused
rather than kept waiting.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from posthouse.settings.config import Listener

BACKLOG = 1024

UNIX_MODE = 0o666
"""Mode of an LMTP socket: whoever may reach its folder may hand over mail, as on a local port."""

SPREADS = sys.platform.startswith("linux") and hasattr(socket, "SO_REUSEPORT")
"""Whether the kernel spreads connections over sockets of one port. Elsewhere workers share one socket."""


class ListenError(Exception):
    """A socket cannot be opened. ``where`` is its address or path, ``reason`` the trouble, ``mend`` what to
    do."""

    def __init__(self, where: str, reason: str, mend: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason
        self.mend = mend


@dataclass(slots=True)
class OpenListener:
    """The sockets of one configured listener: ``sockets[worker]`` are those one worker accepts on (a shared
    socket is listed for each)."""

    listener: Listener
    sockets: list[list[socket.socket]] = field(default_factory=list)

    def places(self) -> list[tuple[str, int]]:
        """(address, port) of each socket of the first worker; a Unix socket is (path, 0)."""
        # A server that stops closes them while somebody may still ask.
        return [_place(opened) for opened in self.sockets[0] if opened.fileno() >= 0]

    def close(self) -> None:
        """Close every socket; remove a Unix socket's file."""
        for opened in {id(one): one for worker in self.sockets for one in worker}.values():
            opened.close()
        if self.listener.path:
            Path(self.listener.path).unlink(missing_ok=True)


def open_all(listeners: Iterable[Listener], workers: int) -> list[OpenListener]:
    """Open every listener for this many workers. Raises ListenError; what was opened is closed then."""
    opened: list[OpenListener] = []
    try:
        for listener in listeners:
            if listener.protocol == "http":  # the faces live in the first worker
                alone = _open(listener, 1)
                opened.append(OpenListener(listener, alone + [[] for _ in range(workers - 1)]))
            else:
                opened.append(OpenListener(listener, _open(listener, workers)))
    except BaseException:
        for one in opened:
            one.close()
        raise
    return opened


def raise_file_limit() -> int | None:
    """Raise the limit on open files to what the system allows; the limit then, None where there is none."""
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 1 << 20)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return soft
        return wanted
    return soft


# ---------------------------------------------------------------------- inside


def _open(listener: Listener, workers: int) -> list[list[socket.socket]]:
    if listener.path:
        shared = _unix(listener.path)
        return [[shared] for _ in range(workers)]
    made: list[socket.socket] = []
    try:
        port = listener.port
        families: list[list[socket.socket]] = []
        for family, host in _hosts(listener.address):
            copies = _copies(family, host, port, workers, optional=bool(made))
            made += copies
            if copies:
                port = copies[0].getsockname()[1]
                families.append(copies)
    except BaseException:
        for one in made:
            one.close()
        raise
    return [[copies[worker % len(copies)] for copies in families] for worker in range(workers)]


def _hosts(address: str) -> list[tuple[socket.AddressFamily, str]]:
    if not address:
        both = [(socket.AF_INET, "0.0.0.0")]  # noqa: S104 - "all addresses" is what the listener asks for
        if socket.has_ipv6:
            both.append((socket.AF_INET6, "::"))
        return both
    return [(socket.AF_INET6 if ":" in address else socket.AF_INET, address)]


def _copies(
    family: socket.AddressFamily, host: str, port: int, workers: int, *, optional: bool
) -> list[socket.socket]:
    """One socket per worker where the kernel spreads connections, else one for all. ``optional``: a machine
    without this address family gets none."""
    many = workers if SPREADS else 1
    made: list[socket.socket] = []
    try:
        if many > 1 and port:
            # With SO_REUSEPORT another program's sockets of the same user would not be noticed: try without
            # first.
            _tcp(family, host, port, spread=False).close()
        for _ in range(many):
            made.append(_tcp(family, host, port, spread=many > 1))
            port = made[0].getsockname()[1]
    except OSError as error:
        for one in made:
            one.close()
        if optional and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            return []
        raise ListenError(_shown(host, port), *_explain(error, port)) from error
    return made


def _tcp(family: socket.AddressFamily, host: str, port: int, *, spread: bool) -> socket.socket:
    # With the protocol named, asyncio sees that accepted connections are TCP and sets TCP_NODELAY: else an answer in
    # two pieces would wait for the peer's delayed acknowledgement, 40 ms.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        if spread:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def _unix(path: str) -> socket.socket:
    if sys.platform == "win32":
        raise ListenError(path, "this system has no Unix sockets", "use address and port")
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        made.bind(path)
        os.chmod(path, UNIX_MODE)
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise ListenError(
            path, error.strerror or str(error), "check the folder and its permissions"
        ) from error
    except BaseException:
        made.close()
        raise
    return made


def _remove_stale(path: str) -> None:
    """Remove a socket file that nobody listens on any more. Anything else in its place is not ours to
    remove."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise ListenError(path, "there is a file in its place", "move that file, or name another path")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise ListenError(path, "another program listens on it", "stop that program, or name another path")


def _explain(error: OSError, port: int) -> tuple[str, str]:
    if error.errno == errno.EADDRINUSE:
        return "the port is taken", "stop the program that uses it, or name another port in posthouse.toml"
    if error.errno in (errno.EACCES, errno.EPERM):
        if 0 < port < 1024:
            return (
                "this user may not open ports below 1024",
                "start as root (the server gives root up at once), or name ports from 1024 in posthouse.toml",
            )
        return error.strerror or str(error), "check what this user may do"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have that address", "name one of its addresses, or leave it out"
    return error.strerror or str(error), "check the address in posthouse.toml"


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _place(opened: socket.socket) -> tuple[str, int]:
    name = opened.getsockname()
    return (name, 0) if isinstance(name, str) else (name[0], name[1])
