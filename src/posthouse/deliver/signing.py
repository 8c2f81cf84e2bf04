"""What is put before a message that leaves: DKIM signatures of our own mail, ARC seals on what is forwarded, and the
mailbox that forwards it."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol, TypeVar

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.deliver.dsn.fields import shown_address
from posthouse.directory import dkim as directory_dkim
from posthouse.directory.cache import VersionedCache
from posthouse.directory.dkim import Signing
from posthouse.directory.lookup import find_account
from posthouse.mail import headers
from posthouse.mail.address import parse_address, parse_domain
from posthouse.mail.addresses import MISSING_DOMAIN, SYNTAX_ERROR, parse_addresses
from posthouse.mail.mime import Buffer
from posthouse.net.dns import Answer, ascii_name
from posthouse.observe.log import logger
from posthouse.origin import arc, dkim
from posthouse.origin.dkim import SigningKey
from posthouse.origin.fields import HeaderTooLong
from posthouse.origin.keys import BadKey, read_key
from posthouse.origin.signature import KeyAnswer
from posthouse.queue.contract import FORWARD, LISTED, NOTICE, REPORT, Lease, QueuedMessage
from posthouse.settings import dkim as settings_dkim
from posthouse.settings import smtp as settings_smtp
from posthouse.settings.contract import CurrentSettings

log = logger("deliver.signing")

IN_THREAD = 128 * 1024
"""Bytes of a message from which on it is signed in a thread."""

MAX_KEYS = 2000
"""Private keys kept ready for use."""

MAX_HASHES = 500
"""Hashes of bodies kept while lists send them."""

_COMMENT = re.compile(r"\([^()]*\)")

T = TypeVar("T")


class Asks(Protocol):
    """Asks the DNS; see :class:`posthouse.net.dns.Resolver`."""

    async def ask(self, name: str, kind: str, *, fresh: bool = False) -> Answer:
        """The records of this type under a name."""


Listed = Callable[[Lease], Awaitable[bytes]]
"""The lines of one member before a message of a distribution list. Raises DatabaseUnavailable."""


class MailSigner:
    """Signs by the domain of From, with every active key of it, what our people have submitted and what we write
    ourselves; seals what is forwarded. Mail of strangers that only passes through is never signed, whatever its From
    says. ``hostname`` is our name of now. What a list sends carries ``listed`` lines, is signed by the list's domain
    and sealed. See :class:`posthouse.deliver.remote.contract.Signer`."""

    def __init__(
        self,
        *,
        database: Database,
        feed: Feed,
        settings: CurrentSettings,
        resolver: Asks,
        hostname: Callable[[], str],
        listed: Listed | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cache = VersionedCache(database, feed)
        self._settings = settings
        self._resolver = resolver
        self._hostname = hostname
        self._listed = listed
        self._clock = clock
        self._ready: OrderedDict[str, SigningKey] = OrderedDict()
        self._hashes: OrderedDict[str, bytes] = OrderedDict()

    def close(self) -> None:
        """Stop listening to the feed."""
        self._cache.close()

    async def sign(self, lease: Lease, body: Buffer) -> bytes:
        """See :class:`posthouse.deliver.remote.contract.Signer`."""
        before = await self._passed(lease)
        if lease.message.kind == LISTED:
            return before + await self._of_list(lease, body)
        return before + await self._sealed_or_signed(lease, body)

    async def _of_list(self, lease: Lease, body: Buffer) -> bytes:
        """What stands before mail of a list: the seal covers the signature, the signature the member's lines."""
        lines = await self._listed(lease) if self._listed is not None else b""
        if not self._settings.now[settings_dkim.SIGN]:
            return lines
        try:
            keys = await self._keys(_domain(lease.message.sender.rpartition("@")[2]))
            hashed = await self._hashed(lease.message.body, body)
            if keys:
                lines = dkim.sign(body, keys, self._clock(), lines, hashed) + lines
            return await self._sealed(lease, body, lines, hashed) + lines
        except HeaderTooLong as error:
            log.warning("signing.left_out", trace=lease.message.trace, reason=str(error))
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("signing.failed", trace=lease.message.trace)
        return lines

    async def _hashed(self, digest: str, body: Buffer) -> bytes:
        """The hash of a body that goes to many, each with lines of their own: it is read once for all of them."""
        found = self._hashes.get(digest)
        if found is None:
            found = await _worked(body, lambda: dkim.hash_of(body))
            self._hashes[digest] = found
            while len(self._hashes) > MAX_HASHES:
                self._hashes.popitem(last=False)
        return found

    async def _passed(self, lease: Lease) -> bytes:
        """The mailbox that a forwarded message went through: should it come back, it stays there."""
        account_id = lease.recipient.account_id
        if lease.message.kind not in (FORWARD, LISTED) or account_id is None:
            return b""
        account = await self._cache.get(("dkim-account", account_id), find_account, account_id)
        if account is None:
            return b""
        shown = shown_address(parse_address(account.address))
        return f"Delivered-To: {shown}\r\n".encode() if shown.isascii() else b""

    async def _sealed_or_signed(self, lease: Lease, body: Buffer) -> bytes:
        message = lease.message
        if not self._settings.now[settings_dkim.SIGN]:
            return b""
        try:
            if message.account_id is not None or message.kind in (NOTICE, REPORT):
                return await self._signed(message, body)
            if message.kind == FORWARD:
                return await self._sealed(lease, body)
        except HeaderTooLong as error:
            log.warning("signing.left_out", trace=message.trace, reason=str(error))
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("signing.failed", trace=message.trace)
        return b""

    # ------------------------------------------------------------------ DKIM

    async def _signed(self, message: QueuedMessage, body: Buffer) -> bytes:
        domain = self._speaker(message, body)
        if not domain:
            log.warning("signing.left_out", trace=message.trace, reason="its From names no one domain")
            return b""
        keys = await self._keys(domain)
        if not keys and message.kind in (NOTICE, REPORT):
            # What we write ourselves comes from the server's own name, which is mostly below a domain of ours.
            for above in _parents(domain):
                keys = await self._keys(above)
                if keys:
                    break
        if not keys:
            return b""
        return await _worked(body, lambda: dkim.sign(body, keys, self._clock()))

    def _speaker(self, message: QueuedMessage, body: Buffer) -> str:
        """The domain that answers for a message: that of From. Where From may name somebody else (another domain of
        ours, even), it is that of the Sender which was put there to tell the truth (``receive.identity``)."""
        checked = self._settings.now[settings_smtp.FROM_MUST_BE_OWN] == "refuse"
        if message.account_id is None or (message.account_id and checked) or not has_sender(body):
            return from_domain(body)
        return from_domain(body) and from_domain(body, b"sender")

    async def _keys(self, domain: str) -> list[SigningKey]:
        rows = await self._cache.get(("dkim", domain), directory_dkim.signing_keys, domain)
        found = []
        for row in rows:
            key = self._key(row, domain)
            if key is not None:
                found.append(key)
        return found

    def _key(self, row: Signing, domain: str) -> SigningKey | None:
        key = self._ready.get(row.secret_key)
        if key is None or (key.selector, key.domain) != (row.selector, ascii_name(domain)):
            try:
                key = SigningKey(ascii_name(domain), row.selector, read_key(row.secret_key))
            except (BadKey, ValueError) as error:
                log.error("signing.key_unusable", domain=domain, selector=row.selector, reason=str(error))
                return None
            self._ready[row.secret_key] = key
            while len(self._ready) > MAX_KEYS:
                self._ready.popitem(last=False)
        return key

    # ------------------------------------------------------------------ ARC

    async def _sealed(self, lease: Lease, body: Buffer, prefix: bytes = b"", hashed: bytes = b"") -> bytes:
        """A seal over ``prefix`` and the message. The chain is judged as it came, without the prefix."""
        key = await self._sealing_key(lease)
        if key is None:
            return b""
        now = self._clock()
        checking = await _worked(body, lambda: arc.ChainVerification(body, now))
        answers = await self._answers(checking.questions)
        chain = await _worked(body, lambda: checking.result(answers))
        if chain.state == "temperror":
            # To seal it as broken would break it for good, to seal it as good would be a lie.
            log.info("signing.not_sealed", trace=lease.message.trace, reason=chain.reason)
            return b""
        service = self._hostname()
        results = own_results(body, service) or "none"
        if chain.state != "none":
            results = f"arc={chain.state}" if results == "none" else f"{results}; arc={chain.state}"
        return await _worked(body, lambda: arc.seal(body, key, chain, service, results, now, prefix, hashed))

    async def _sealing_key(self, lease: Lease) -> SigningKey | None:
        """An RSA key (RFC 8617 knows no other) of the domain that forwards: that of the sender we forward with, of
        the recipient it was sent to, of the account, or of the server itself."""
        candidates = [lease.message.sender, lease.recipient.orcpt.rpartition(";")[2]]
        if lease.recipient.account_id is not None:
            account_id = lease.recipient.account_id
            account = await self._cache.get(("dkim-account", account_id), find_account, account_id)
            candidates.append(account.address if account is not None else "")
        domains = [_domain(address.rpartition("@")[2]) for address in candidates]
        host = _domain(self._hostname())
        for domain in dict.fromkeys([*domains, host, *_parents(host)]):
            for key in await self._keys(domain) if domain else ():
                if key.private.algorithm == "rsa-sha256":
                    return key
        return None

    async def _answers(self, names: tuple[str, ...]) -> dict[str, KeyAnswer]:
        found = await asyncio.gather(*(self._resolver.ask(name, "TXT") for name in names))
        return {name: _answer(each) for name, each in zip(names, found, strict=True)}


async def _worked(body: Buffer, work: Callable[[], T]) -> T:
    """Do it here for small messages, in a thread for large ones."""
    return work() if len(body) < IN_THREAD else await asyncio.to_thread(work)


def _answer(answer: Answer) -> KeyAnswer:
    if answer.state == "failed":
        return KeyAnswer("failed")
    return KeyAnswer("found", answer.rows) if answer.rows else KeyAnswer("none")


def has_sender(body: Buffer) -> bool:
    """Whether there is a Sender field."""
    return bool(headers.get_all(body[: headers.header_end(body)], b"sender"))


def from_domain(body: Buffer, field: bytes = b"from") -> str:
    """The domain (U-labels) of the first address of From; "" where there is not exactly one such field, or no address
    in it: then nobody could say whose message that is. ``field``: the same of another one."""
    header = body[: headers.header_end(body)]
    given = headers.get_all(header, field)
    if len(given) != 1:
        return ""
    for mailbox in parse_addresses(given[0]):
        if mailbox.host is None:
            continue  # the beginning or the end of a group
        if mailbox.host in (MISSING_DOMAIN, SYNTAX_ERROR):
            return ""
        return _domain(mailbox.host.decode("utf-8", "replace"))
    return ""


def own_results(body: Buffer, service: str) -> str:
    """What our Authentication-Results say of the message, in one line; "" where there are none. Only fields above the
    topmost Received count: all others may have been written by whoever sent it (RFC 8601 5)."""
    header = body[: headers.header_end(body)]
    for field in headers.fields(header):
        name = field.name.lower()
        if name == b"received":
            return ""
        if name != b"authentication-results":
            continue
        text = headers.unfold(field.value).decode("ascii", "replace")
        identity, _, results = text.partition(";")
        words = _COMMENT.sub(" ", identity).split()
        if words and words[0].lower() == service.lower() and results.strip():
            return " ".join(results.split()).rstrip("; ")
    return ""


def _domain(text: str) -> str:
    try:
        domain = parse_domain(text)
    except ValueError:
        return ""
    return "" if domain.startswith("[") else domain


def _parents(domain: str) -> Iterator[str]:
    labels = domain.split(".")
    for at in range(1, len(labels) - 1):
        yield ".".join(labels[at:])
