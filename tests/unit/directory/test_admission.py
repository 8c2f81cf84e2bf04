"""By which protocols and from which networks an account may be signed in to."""

from __future__ import annotations

import pytest

from posthouse.directory.admission import (
    NOT_ACTIVE,
    WRONG_NETWORK,
    WRONG_PROTOCOL,
    clean_networks,
    clean_protocols,
    refused,
)
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError


def account(protocols: str = "", networks: str = "", *, active: bool = True) -> Account:
    return Account(1, 1, "anna@ours.test", 0, active, protocols, networks)


def test_an_account_without_limits_comes_in_by_every_way() -> None:
    """Unless it is not active."""
    for protocol in ("imap", "pop3", "smtp", "submission", "web", "api", "sieve"):
        assert refused(account(), protocol, "203.0.113.9") == ""
        assert refused(account(active=False), protocol, "203.0.113.9") == NOT_ACTIVE


@pytest.mark.parametrize(
    ("protocol", "allowed"),
    [("imap", True), ("pop3", False), ("smtp", True), ("submission", True), ("web", False), ("api", False)],
)
def test_protocols(protocol: str, allowed: bool) -> None:
    """Sending is one way on every port, and so are pages and API."""
    assert refused(account("imap,submission"), protocol, "") == ("" if allowed else WRONG_PROTOCOL)


@pytest.mark.parametrize(
    ("peer", "allowed"),
    [
        ("192.0.2.200", True),
        ("::ffff:192.0.2.1", True),
        ("192.0.3.1", False),
        ("2001:db8:1::5", True),
        ("2001:db9::1", False),
        ("fe80::1%eth0", True),
        ("", False),
        ("unix socket", False),
    ],
)
def test_networks(peer: str, allowed: bool) -> None:
    """Of both families; what is no address lies in none."""
    networks = clean_networks(["192.0.2.0/24, 2001:db8::/32", "fe80::/10"])
    assert refused(account(networks=networks), "imap", peer) == ("" if allowed else WRONG_NETWORK)


def test_what_is_stored() -> None:
    """Normal forms, each once; all protocols are no limit."""
    assert clean_protocols(["web", "IMAP"]) == "imap,web"
    assert clean_protocols(["web", "imap", "submission", "pop3"]) == clean_protocols([]) == ""
    assert clean_networks(["192.0.2.9/24 192.0.2.0/24", "::ffff:10.0.0.0/104"]) == "192.0.2.0/24,10.0.0.0/8"
    for wrong in (["nonsense"], ["1.2.3.4/33"], [f"10.0.{n}.0/24" for n in range(33)]):
        with pytest.raises(DirectoryError):
            clean_networks(wrong)
    with pytest.raises(DirectoryError):
        clean_protocols(["ftp"])
