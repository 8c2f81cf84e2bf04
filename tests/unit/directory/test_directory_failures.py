"""Delays grow with failures, by peer and by login, and are forgotten."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from posthouse.directory import signin
from posthouse.directory.signin import Failures, peer_key
from posthouse.settings.contract import CurrentSettings


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _fail(failures: Failures, login: str = "a@b", peer: str = "192.0.2.1") -> float:
    return failures.failed(login, peer=peer, protocol="imap", reason="wrong password")


def test_delays_double_up_to_a_limit() -> None:
    """The first failures are free, then each waits twice as long as the one before."""
    failures = Failures(CurrentSettings(), Clock())
    assert [_fail(failures) for _ in range(9)] == [0, 0, 1, 2, 4, 8, 15, 15, 15]


def test_failures_are_forgotten_after_a_quiet_while() -> None:
    """Ten minutes without a failure, and the peer starts afresh."""
    clock = Clock()
    failures = Failures(CurrentSettings(), clock)
    for _ in range(5):
        _fail(failures)
    clock.now += 599
    assert _fail(failures) == 8
    clock.now += 600
    assert _fail(failures) == 0


def test_a_guesser_from_many_addresses_is_slowed_by_the_login() -> None:
    """Failures of one login count together wherever they come from."""
    failures = Failures(CurrentSettings(), Clock())
    assert [_fail(failures, peer=f"192.0.2.{n}") for n in range(5)] == [0, 0, 1, 2, 4]


def test_the_owner_is_not_slowed_by_strangers_but_a_guessing_peer_is() -> None:
    """A success waits for its own peer's failures only."""
    failures = Failures(CurrentSettings(), Clock())
    for _ in range(6):
        _fail(failures, peer="192.0.2.9")
    assert failures.succeeded("a@b", peer="198.51.100.1") == 0
    assert failures.succeeded("a@b", peer="192.0.2.9") == 8


def test_one_ipv6_network_is_one_peer() -> None:
    """A subscriber cannot escape by changing the lower half of its address."""
    assert peer_key("2001:db8::1") == peer_key("2001:db8::ffff:1") != peer_key("2001:db8:0:1::1")
    assert peer_key("::ffff:192.0.2.1") == peer_key("192.0.2.1")
    assert peer_key("/run/lmtp.sock") == "/run/lmtp.sock"


def test_counters_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many logins are tried, memory is not: the one that failed longest ago is forgotten."""
    monkeypatch.setattr(signin, "MAX_COUNTERS", 10)
    counters = signin.Counters()
    for n in range(25):
        counters.add(f"login{n}", 0.0, 600)
    assert len(counters) == 10
    assert counters.count("login24", 0.0, 600) == 1
    assert counters.count("login14", 0.0, 600) == 0


def test_failures_are_logged_with_address_and_login_and_nothing_else() -> None:
    """What fail2ban needs is in one line; logins of any length are cut."""
    failures = Failures(CurrentSettings(), Clock())
    with capture_logs() as lines:
        _fail(failures, login="x" * 5000)
    (line,) = lines
    assert line["event"] == "signin.refused"
    assert (line["peer"], line["protocol"], line["reason"]) == ("192.0.2.1", "imap", "wrong password")
    assert line["login"] == "x" * 254
    assert set(line) == {"event", "log_level", "peer", "protocol", "reason", "login", "failures"}
