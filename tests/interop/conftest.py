"""One running server for all clients of this folder."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from awkward import READER
from mail_world import MailWorld, why_not
from running import RunningServer


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with one domain and the account READER; more accounts are the tests' own."""
    server = RunningServer(tmp_path_factory.mktemp("house"))
    server.start()
    server.add_domain()
    server.add_account(READER)
    server.command(
        "setting", "set", "smtp.from_must_be_own", "off"
    )  # the clients write what they like into From
    yield server
    status = server.stop()
    assert status == 0
    assert "Traceback" not in server.log, server.log[-4000:]


@pytest.fixture(scope="session")
def certificate(house: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's own certificate, for clients that insist on verifying."""
    path = tmp_path_factory.mktemp("certificate") / "server.pem"
    path.write_text(ssl.get_server_certificate(("127.0.0.1", house.imaps)))
    return path


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailWorld]:
    """Two Posthouses, Postfix and the rest in signed zones; one for all files of a process that ask for it."""
    if reason := why_not():
        pytest.skip(reason)
    made = MailWorld(tmp_path_factory.mktemp("world"))
    try:
        yield made
    finally:
        made.close()
    for server in (made.here, made.there):
        assert "Traceback" not in server.log, server.log[-4000:]
