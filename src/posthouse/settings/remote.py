"""Settings of sessions with other servers. The times are those of RFC 5321 4.5.3.2."""

from __future__ import annotations

from posthouse.settings.contract import Setting


def _time(name: str, default: float, help: str) -> Setting[float]:
    return Setting(f"remote.{name}", default, help, unit="seconds", minimum=0.1, maximum=3600)


NAME = Setting(
    "remote.name",
    "",
    "The name we say in EHLO to other servers. Empty means the server's host name. It should have an address "
    "record, and the address we send from should lead back to it.",
    check=lambda name: "" if not name or _is_name(name) else "must be a host name",
)

CONNECT_TIME = _time("connect_time", 30.0, "How long connecting to one address may take.")
GREETING_TIME = _time("greeting_time", 300.0, "How long we wait for a server's greeting.")
HELLO_TIME = _time("hello_time", 300.0, "How long we wait for the answer to EHLO, HELO or LHLO.")
TLS_TIME = _time("tls_time", 60.0, "How long STARTTLS and the handshake after it may take, each.")
SIGN_IN_TIME = _time("sign_in_time", 120.0, "How long we wait for each answer while signing in.")
MAIL_TIME = _time("mail_time", 300.0, "How long we wait for the answer to MAIL and RSET.")
RCPT_TIME = _time("rcpt_time", 300.0, "How long we wait for the answer to each RCPT.")
DATA_TIME = _time("data_time", 120.0, "How long we wait for the answer to DATA.")
BLOCK_TIME = _time("block_time", 180.0, "How long a server may not read while we send it a message.")
END_TIME = _time(
    "end_time",
    600.0,
    "How long we wait for the answer after the end of a message. A server that is cut off here may have taken the "
    "message, and gets it twice.",
)

IDLE_TIME = Setting(
    "remote.idle_time",
    15.0,
    "How long a connection is kept open for the next message. 0 closes it after each.",
    unit="seconds",
    minimum=0,
    maximum=300,
)

MOST_KEPT = Setting(
    "remote.max_kept",
    100,
    "How many connections that nobody uses are kept open at once.",
    minimum=0,
    maximum=10000,
)

MOST_MESSAGES = Setting(
    "remote.max_messages",
    100,
    "How many messages go over one connection before a new one is made.",
    minimum=1,
    maximum=100000,
)

CLEAR_TIME = Setting(
    "remote.clear_time",
    3600.0,
    "Where TLS is not required and a host's TLS does not work, it is spoken to in clear text for so long before TLS is "
    "tried again.",
    unit="seconds",
    minimum=0,
    maximum=604800,
)

AUTHORITIES = Setting(
    "remote.authorities",
    "",
    "The path of a PEM file with certificate authorities that are trusted besides the public ones, where certificates "
    "of other servers are checked, those of MTA-STS policies too.",
)

CHUNK_FROM = Setting(
    "remote.chunk_from",
    1048576,
    "Messages of this size and more are sent by BDAT where a server has CHUNKING. Binary mail always is.",
    unit="bytes",
    minimum=0,
)


def _is_name(name: str) -> bool:
    """Host names and address literals."""
    if name.startswith("[") and name.endswith("]"):
        return all(sign in "0123456789abcdefABCDEFIPv6:." for sign in name[1:-1])
    return (
        name.isascii()
        and len(name) <= 253
        and all(label and len(label) <= 63 and label.replace("-", "a").isalnum() for label in name.split("."))
    )
