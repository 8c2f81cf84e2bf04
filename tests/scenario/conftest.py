"""Fixtures of the scenarios: a whole server, with one worker and with two."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import PASSWORD, RunningServer

ANNA, BERT = "anna@posthouse.test", "bert@posthouse.test"


@pytest.fixture(params=[1, 2], ids=["1-worker", "2-workers"])
def posthouse_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningServer]:
    """A running server with the accounts anna and bert (password ``running.PASSWORD``); killed at the end. In
    the log there must be no traceback."""
    server = RunningServer(tmp_path / "server", workers=request.param)
    server.start()
    try:
        server.add_domain()
        for address in (ANNA, BERT):
            server.add_account(address)
        yield server
    finally:
        server.kill()
    assert "Traceback" not in server.log, server.log[-4000:]


@pytest.fixture
def trusting() -> ssl.SSLContext:
    """A client's TLS context that takes the server's self-made certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.fixture
def password() -> str:
    """The password of every account."""
    return PASSWORD
