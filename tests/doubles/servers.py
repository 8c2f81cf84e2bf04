"""Private PostgreSQL and MariaDB servers on loopback, in a temporary folder, gone at the end.

Each answers ``start()`` with a URL pattern holding ``{name}`` for a database, and makes databases on demand.
Absent parts raise :class:`Absent` with the reason; a test's fixture turns that into a skip.
"""

from __future__ import annotations

import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from ports import free_port


class Absent(Exception):
    """The part is not installed here."""


class PrivateServer:
    """A server process of our own. ``url`` of a database made by :meth:`make`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ph-db-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._made = 0
        self._command: list[str] = []

    def stop(self) -> None:
        """Stop the process; its data stay. SIGINT is PostgreSQL's fast shutdown: sessions are ended."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def start_again(self) -> None:
        """Start it on the same data and port."""
        self.spawn(self._command)
        self.wait_ready()

    def close(self) -> None:
        """Stop the process we started and remove its folder."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait_ready(self) -> None:
        """Wait until it answers on its port."""
        assert self.process is not None
        for _ in range(300):
            if self.process.poll() is not None:
                raise Absent(f"the server ended: {(self.folder / 'log').read_text(errors='replace')[-400:]}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise Absent("the server did not open its port in 30 seconds")

    def spawn(self, command: list[str]) -> None:
        """Start the server process."""
        self._command = command
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def next_name(self) -> str:
        """A database name not used yet."""
        self._made += 1
        return f"posthouse{self._made}"


class PostgresqlServer(PrivateServer):
    """PostgreSQL; as root it is run by the system's ``postgres`` or ``nobody`` user, because it refuses
    root."""

    def __init__(self) -> None:
        found = shutil.which("initdb")
        places = [os.path.dirname(found)] if found else sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        if not places:
            raise Absent("PostgreSQL is not installed (Debian: postgresql)")
        super().__init__()
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        user = _ordinary_user(self.folder, data, "postgres", "nobody")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        subprocess.run(
            [
                *user,
                f"{places[-1]}/initdb",
                "-D",
                str(data),
                "-U",
                "posthouse",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
            ],
            check=True,
            cwd=self.folder,
            **quiet,
        )
        self.spawn(
            [
                *user,
                f"{places[-1]}/postgres",
                "-D",
                str(data),
                "-p",
                str(self.port),
                "-k",
                str(self.folder),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "fsync=off",
                "-c",
                "max_connections=60",
                "-c",
                "deadlock_timeout=50ms",
            ]
        )
        self.wait_ready()

    def make(self) -> str:
        """A new empty database's URL."""
        import psycopg

        name = self.next_name()
        for attempt in range(50):
            try:
                with psycopg.connect(self._plain("postgres"), autocommit=True) as connection:
                    connection.execute(f"CREATE DATABASE {name}")
                break
            except psycopg.OperationalError:
                if attempt == 49:
                    raise
                time.sleep(0.1)
        return self._plain(name)

    def _plain(self, name: str) -> str:
        return f"postgresql://posthouse@127.0.0.1:{self.port}/{name}"


class MariadbServer(PrivateServer):
    """MariaDB (or MySQL's mariadbd by another name)."""

    def __init__(self) -> None:
        install, server = shutil.which("mariadb-install-db"), _which_server()
        if not install or not server:
            raise Absent("MariaDB is not installed (Debian: mariadb-server)")
        super().__init__()
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        user = _ordinary_user(self.folder, data, "mysql", "nobody")
        subprocess.run(
            [
                *user,
                install,
                "--no-defaults",
                f"--datadir={data}",
                "--auth-root-authentication-method=normal",
            ],
            check=True,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.spawn(
            [
                *user,
                server,
                "--no-defaults",
                f"--datadir={data}",
                f"--socket={self.folder}/s",
                f"--port={self.port}",
                "--bind-address=127.0.0.1",
                "--innodb-flush-log-at-trx-commit=2",
                "--innodb-buffer-pool-size=64M",
            ]
        )
        self.wait_ready()

    def make(self) -> str:
        """A new empty database's URL."""
        import pymysql

        name = self.next_name()
        connection = pymysql.connect(host="127.0.0.1", port=self.port, user="root")
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        connection.close()
        return f"mysql://root@127.0.0.1:{self.port}/{name}"


def _which_server() -> str | None:
    return shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin")


def _ordinary_user(folder: Path, data: Path, *names: str) -> list[str]:
    """The command prefix that leaves root, with the folders given to that user; empty for an ordinary
    user."""
    if not hasattr(os, "getuid") or os.getuid() != 0:
        return []
    import pwd

    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        for place in (folder, data):
            os.chown(place, entry.pw_uid, entry.pw_gid)
        return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    raise Absent("no ordinary user to run the server as")
