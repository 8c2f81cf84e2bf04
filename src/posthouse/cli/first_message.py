"""Sends one message and waits until it can be read: what ``demo send`` does, with the standard library's
clients."""

from __future__ import annotations

import hashlib
import hmac
import imaplib
import smtplib
import ssl
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any, NamedTuple

from posthouse.cli.errors import CommandError

WAIT_SECONDS = 20.0
IO_SECONDS = 15.0

Say = Callable[[str], None]


class Place(NamedTuple):
    """One listener, as a client reaches it."""

    host: str
    port: int
    implicit: bool


class Places(NamedTuple):
    """Where to send and where to read, and the certificates (SHA-256) that are the server's."""

    submission: Place
    imap: Place
    fingerprints: frozenset[str]

    @classmethod
    def of(cls, status: Any) -> Places:
        """Choose from what ``status`` told. Raises CommandError when a protocol is missing."""
        fingerprints = frozenset(value.replace(":", "").lower() for value in status["certificates"].values())
        return cls(_place(status, "submission"), _place(status, "imap"), fingerprints)


def _place(status: Any, protocol: str) -> Place:
    fitting = [row for row in status["listeners"] if row["protocol"] == protocol and row["tls"] != "none"]
    if not fitting:
        raise CommandError(
            "missing",
            f"No {protocol} listener with TLS.",
            "Add one to posthouse.toml and restart the server.",
        )
    row = min(fitting, key=lambda row: row["tls"] != "implicit")
    return Place(_reachable(row["address"]), row["port"], row["tls"] == "implicit")


def _reachable(address: str) -> str:
    """The address to connect to for one that is listened on."""
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - not bound


def send_and_read(places: Places, address: str, password: str, say: Say) -> dict[str, Any]:
    """Send to oneself over submission, poll IMAP until the message shows, read it. Raises CommandError."""
    message = _message(address)
    try:
        _submit(places, address, password, message, say)
        begun = time.monotonic()
        uid = _await_arrival(places, address, password, message, say)
    except (smtplib.SMTPAuthenticationError, imaplib.IMAP4.error) as error:
        text = _server_text(error)
        raise CommandError("refused", f"{address}: {text}", "Check the password, or set a new one.") from None
    except smtplib.SMTPException as error:
        text = _server_text(error)
        raise CommandError("failed", f"The message was refused: {text}", "See the server's log.") from None
    except OSError as error:
        raise CommandError(
            "unavailable", f"The connection failed: {error}.", "Does the server run?"
        ) from None
    return {"message_id": str(message["Message-ID"]), "uid": uid, "seconds": time.monotonic() - begun}


def _message(address: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = message["To"] = address
    message["Subject"] = "Your first message"
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain=address.rpartition("@")[2])
    message.set_content("It came by receive, screen, route, queue, deliver, store and access.\n")
    return message


def _server_text(error: Exception) -> str:
    text = getattr(error, "smtp_error", None) or (error.args[0] if error.args else error)
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)


def _context() -> ssl.SSLContext:
    """The certificate is checked by its fingerprint (``_check``), which a self-made one can pass."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _check(connection: Any, places: Places) -> str:
    """Compare the peer's certificate before any password is sent. Raises CommandError."""
    certificate = connection.getpeercert(binary_form=True)
    found = hashlib.sha256(certificate or b"").hexdigest()
    if not any(hmac.compare_digest(found, known) for known in places.fingerprints):
        raise CommandError(
            "refused",
            f"The certificate at the port is not the server's own (SHA-256 {found}).",
            "Something else answers on that port: see who, before you give it a password.",
        )
    return str(connection.version())


def _submit(places: Places, address: str, password: str, message: EmailMessage, say: Say) -> None:
    place = places.submission
    context = _context()
    client: smtplib.SMTP
    if place.implicit:
        client = smtplib.SMTP_SSL(place.host, place.port, timeout=IO_SECONDS, context=context)
    else:
        client = smtplib.SMTP(place.host, place.port, timeout=IO_SECONDS)
    with client:
        if not place.implicit:
            client.starttls(context=context)
        version = _check(client.sock, places)
        say(f"Connected to {place.host}:{place.port} ({version}, fingerprint as expected).")
        client.login(address, password)
        client.send_message(message)
    say(f"Sent {message['Message-ID']}.")


def _await_arrival(places: Places, address: str, password: str, message: EmailMessage, say: Say) -> int:
    place = places.imap
    context = _context()
    client: imaplib.IMAP4
    if place.implicit:
        client = imaplib.IMAP4_SSL(place.host, place.port, ssl_context=context, timeout=IO_SECONDS)
    else:
        client = imaplib.IMAP4(place.host, place.port, timeout=IO_SECONDS)
        client.starttls(context)
    with client:
        version = _check(client.sock, places)
        say(f"Connected to {place.host}:{place.port} ({version}, fingerprint as expected).")
        client.login(address, password)
        client.select("INBOX", readonly=True)
        return _poll(client, str(message["Message-ID"]))


def _poll(client: imaplib.IMAP4, message_id: str) -> int:
    until = time.monotonic() + WAIT_SECONDS
    while True:
        _, found = client.uid("SEARCH", "HEADER", "Message-ID", f'"{message_id}"')
        if found and found[0]:
            uid = int(found[0].split()[-1])
            _read_back(client, uid, message_id)
            return uid
        if time.monotonic() > until:
            raise CommandError(
                "failed",
                f"{message_id} was accepted but is not in the INBOX after {WAIT_SECONDS:.0f} s.",
                "posthouse queue list shows whether it waits, posthouse message trace why.",
            )
        time.sleep(0.1)
        client.noop()


def _read_back(client: imaplib.IMAP4, uid: int, message_id: str) -> None:
    """Fetch what was found: a message that can be searched must also be readable."""
    _, data = client.uid("FETCH", str(uid), "(BODY.PEEK[])")
    content = b"".join(item[1] for item in data if isinstance(item, tuple))
    if message_id.encode() not in content:
        raise CommandError("failed", f"UID {uid} cannot be read back.", "Run posthouse verify.")
