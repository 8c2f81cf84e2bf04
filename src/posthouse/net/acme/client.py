"""The ACME client (RFC 8555): one account with one authority."""

from __future__ import annotations

import datetime
import email.utils
import json
import math
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from posthouse import __version__
from posthouse.net.acme.errors import AcmeError, one_line, problem
from posthouse.net.acme.keys import AccountKey, b64url

if TYPE_CHECKING:
    import httpx2

REQUEST_SECONDS = 30.0
"""How long one request to the authority may take."""

LARGEST_ANSWER = 1024 * 1024
"""Bytes of an answer that are read; a chain has a few thousand."""

NONCE_TRIES = 10
"""How often a request is sent again because its one-time number was refused (RFC 8555 6.5)."""

LONGEST_PAUSE = 7 * 86400.0
"""The longest Retry-After that is believed, in seconds."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,400}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An authority's answer: the JSON object in it (or ``text``), and what its header tells."""

    document: dict[str, Any]
    text: str
    location: str
    retry_after: float


@dataclass(frozen=True, slots=True)
class Challenge:
    """A proof the authority would take: ``kind`` is ``http-01``, ``tls-alpn-01`` or ``dns-01``."""

    kind: str
    url: str
    token: str


@dataclass(frozen=True, slots=True)
class Authorization:
    """What the authority wants to see for one name. ``error`` is the first failed challenge's, in words."""

    url: str
    host: str
    wildcard: bool
    status: str
    challenges: tuple[Challenge, ...]
    error: AcmeError | None


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it stands now."""

    url: str
    status: str
    authorizations: tuple[str, ...]
    finalize: str
    certificate: str
    error: AcmeError | None
    retry_after: float


class AcmeClient:
    """Requests in the name of one account key. ``account`` is the account's URL once it is known. Every method
    raises AcmeError."""

    def __init__(
        self, http: httpx2.AsyncClient, directory: str, key: AccountKey | None, account: str = ""
    ) -> None:
        self._http = http
        self._directory_url = directory
        self._directory: dict[str, Any] = {}
        self._key = key
        self._nonces: list[str] = []
        self.account = account

    # ------------------------------------------------------------------ the authority and the account

    async def open(self) -> None:
        """Read the directory (RFC 8555 7.1.1)."""
        answer = await self._request("GET", self._directory_url)
        if not isinstance(answer.document.get("newOrder"), str):
            raise AcmeError("answer", f"{self._directory_url} is no ACME directory")
        self._directory = answer.document

    @property
    def terms(self) -> str:
        """Where the terms of service stand, "" if the authority names none."""
        return one_line(self._meta.get("termsOfService", ""))

    @property
    def wants_binding(self) -> bool:
        """Whether an account needs External Account Binding."""
        return self._meta.get("externalAccountRequired") is True

    @property
    def tells_renewal(self) -> bool:
        """Whether the authority says when to renew (ARI, RFC 9773)."""
        return isinstance(self._directory.get("renewalInfo"), str)

    async def register(self, contact: Sequence[str], *, agreed: bool, binding: tuple[str, str] | None) -> str:
        """Make the account, or find the one this key has already; its URL (RFC 8555 7.3)."""
        wanted: dict[str, Any] = {"termsOfServiceAgreed": agreed}
        if contact:
            wanted["contact"] = [f"mailto:{address}" for address in contact]
        url = self._place("newAccount")
        if binding is not None:
            try:
                wanted["externalAccountBinding"] = self._signing_key.bind(*binding, url)
            except ValueError as error:
                raise AcmeError("binding", f"certificates.eab_hmac_key {error}") from None
        answer = await self._post(url, wanted, with_key=True)
        if not answer.location:
            raise AcmeError("answer", "the authority made an account without saying where it is")
        self.account = answer.location
        return answer.location

    async def find(self) -> str:
        """The URL of the account this key has already (RFC 8555 7.3.1)."""
        answer = await self._post(self._place("newAccount"), {"onlyReturnExisting": True}, with_key=True)
        self.account = answer.location
        return answer.location

    def with_key(self, key: AccountKey) -> AcmeClient:
        """The same authority, asked with another key."""
        other = AcmeClient(self._http, self._directory_url, key)
        other._directory = self._directory
        return other

    async def change_contact(self, contact: Sequence[str]) -> None:
        """Tell the authority another contact (RFC 8555 7.3.2)."""
        await self._post(self.account, {"contact": [f"mailto:{address}" for address in contact]})

    async def change_key(self, new: AccountKey) -> None:
        """Put another key in the place of this account's (RFC 8555 7.3.5); from now on it signs."""
        url = self._place("keyChange")
        inner = {"account": self.account, "oldKey": self._signing_key.public}
        await self._post(url, new.sign(json.dumps(inner).encode(), url, nonce=None))
        self._key = new

    async def close_account(self) -> None:
        """Deactivate the account for good (RFC 8555 7.3.6)."""
        await self._post(self.account, {"status": "deactivated"})

    # ------------------------------------------------------------------ orders

    async def order(self, hosts: Sequence[str], replaces: str = "") -> Order:
        """Begin an order. ``replaces`` names the certificate it renews (RFC 9773 5)."""
        wanted: dict[str, Any] = {"identifiers": [{"type": "dns", "value": host} for host in hosts]}
        if replaces:
            wanted["replaces"] = replaces
        answer = await self._post(self._place("newOrder"), wanted)
        if not answer.location:
            raise AcmeError("answer", "the authority took an order without saying where it is")
        return _order(answer.location, answer)

    async def look_at_order(self, url: str) -> Order:
        """An order as it stands now."""
        return _order(url, await self._post(url, None))

    async def authorization(self, url: str) -> Authorization:
        """An authorization as it stands now."""
        return _authorization(url, (await self._post(url, None)).document)

    async def answer(self, challenge: Challenge) -> None:
        """Say that the proof is in place (RFC 8555 7.5.1)."""
        await self._post(challenge.url, {})

    async def finalize(self, order: Order, request: bytes) -> Order:
        """Hand in the certificate request (RFC 8555 7.4)."""
        return _order(order.url, await self._post(order.finalize, {"csr": b64url(request)}))

    async def download(self, order: Order) -> str:
        """The chain, leaf first, in PEM."""
        return (await self._post(order.certificate, None)).text

    async def renewal_info(self, name: str) -> tuple[float, float, float, str]:
        """Begin and end of the window in which to renew the certificate of this name (see
        ``renewal.certificate_name``) in seconds since 1970, seconds until it should be asked again (0 unknown), and
        a page with the reason."""
        answer = await self._request("GET", f"{self._place('renewalInfo').rstrip('/')}/{name}")
        window = answer.document.get("suggestedWindow")
        try:
            assert isinstance(window, Mapping)
            begin, end = _moment(window["start"]), _moment(window["end"])
        except (AssertionError, KeyError, TypeError, ValueError):
            raise AcmeError("answer", "the authority's renewal information is not understood") from None
        if end <= begin:
            raise AcmeError("answer", "the authority's renewal window ends before it begins")
        return begin, end, answer.retry_after, one_line(answer.document.get("explanationURL", ""))

    # ------------------------------------------------------------------ inside

    @property
    def _meta(self) -> Mapping[str, Any]:
        meta = self._directory.get("meta")
        return meta if isinstance(meta, Mapping) else {}

    @property
    def _signing_key(self) -> AccountKey:
        assert self._key is not None, "this request needs an account"
        return self._key

    def _place(self, name: str) -> str:
        url = self._directory.get(name)
        if not isinstance(url, str):
            raise AcmeError("answer", f"the authority does not offer {name}")
        return url

    def key_authorization(self, token: str) -> str:
        """See :meth:`AccountKey.authorization`."""
        return self._signing_key.authorization(token)

    async def _post(self, url: str, payload: Mapping[str, Any] | None, *, with_key: bool = False) -> Answer:
        """A signed request; ``payload`` None is POST-as-GET (RFC 8555 6.3)."""
        data = b"" if payload is None else json.dumps(payload).encode()
        for _ in range(NONCE_TRIES):
            nonce = self._nonces.pop() if self._nonces else await self._new_nonce()
            account = "" if with_key else self.account
            signed = self._signing_key.sign(data, url, nonce=nonce, account=account)
            try:
                return await self._request("POST", url, json.dumps(signed).encode())
            except AcmeError as error:
                if error.kind != "badNonce":
                    raise
                last = error
        raise last

    async def _new_nonce(self) -> str:
        await self._request("HEAD", self._place("newNonce"))
        if not self._nonces:
            raise AcmeError("answer", "the authority gives no one-time numbers")
        return self._nonces.pop()

    async def _request(self, method: str, url: str, body: bytes | None = None) -> Answer:
        import httpx2

        headers = {"Content-Type": "application/jose+json"} if body is not None else {}
        try:
            async with self._http.stream(method, url, content=body, headers=headers) as response:
                content = bytearray()
                async for piece in response.aiter_bytes():
                    content += piece
                    if len(content) > LARGEST_ANSWER:
                        raise AcmeError("answer", f"{_host(url)} sends more than can be meant")
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise AcmeError("unreachable", _unreachable(url, error)) from error
        if nonce := response.headers.get("Replay-Nonce"):
            self._nonces = [*self._nonces[-4:], nonce] if _TOKEN.fullmatch(nonce) else self._nonces
        retry_after = seconds_of(response.headers.get("Retry-After", ""))
        document = _json(response.headers.get("Content-Type", ""), bytes(content))
        if response.status_code >= 400:
            if document:
                raise problem(document, retry_after)
            text = f"{_host(url)} answers {response.status_code} to an ACME request"
            raise AcmeError("serverInternal" if response.status_code >= 500 else "answer", text, retry_after)
        text = content.decode("utf-8", "replace")
        return Answer(document, text, response.headers.get("Location", ""), retry_after)


@asynccontextmanager
async def connection(ca_file: str = "") -> AsyncIterator[httpx2.AsyncClient]:
    """Requests to an authority whose own certificate is checked against ``ca_file`` (PEM), or against the
    system's authorities. Raises AcmeError when the file cannot be used."""
    import httpx2

    try:
        trust = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no certificate in it"
        raise AcmeError("trust", f"certificates.ca_file {ca_file} cannot be used ({reason})") from None
    agent = {"User-Agent": f"Posthouse/{__version__}", "Accept-Language": "en"}
    async with httpx2.AsyncClient(verify=trust, timeout=REQUEST_SECONDS, headers=agent) as http:
        yield http


def seconds_of(retry_after: str, now: Callable[[], float] = time.time) -> float:
    """The seconds a Retry-After asks to wait, given as a number or as a date; 0 for none or nonsense."""
    text = retry_after.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(float(text), LONGEST_PAUSE)
    try:
        moment = email.utils.parsedate_to_datetime(text)
        return min(max(0.0, moment.timestamp() - now()), LONGEST_PAUSE)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _moment(text: str) -> float:
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    seconds = moment.timestamp()
    if not math.isfinite(seconds):
        raise ValueError("no moment")
    return seconds


def _host(url: str) -> str:
    return one_line(url).partition("://")[2].partition("/")[0] or one_line(url)


def _unreachable(url: str, error: Exception) -> str:
    reason = one_line(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return (
            f"{_host(url)} shows a certificate that is not trusted here; if this is a private authority, name its "
            f"root in certificates.ca_file ({reason})"
        )
    return f"{_host(url)} cannot be reached ({reason})"


def _json(kind: str, content: bytes) -> dict[str, Any]:
    if "json" not in kind.lower():
        return {}
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise AcmeError("answer", "the authority's answer is not understood") from None
    return found if isinstance(found, dict) else {}


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _error(document: Mapping[str, Any]) -> AcmeError | None:
    return problem(document["error"]) if document.get("error") else None


def _order(url: str, answer: Answer) -> Order:
    document = answer.document
    places = document.get("authorizations")
    return Order(
        url=url,
        status=_text(document, "status"),
        authorizations=tuple(str(each) for each in places[:200]) if isinstance(places, list) else (),
        finalize=_text(document, "finalize"),
        certificate=_text(document, "certificate"),
        error=_error(document),
        retry_after=answer.retry_after,
    )


def _authorization(url: str, document: Mapping[str, Any]) -> Authorization:
    identifier = document.get("identifier")
    offered = document.get("challenges")
    challenges = [each for each in offered if isinstance(each, Mapping)] if isinstance(offered, list) else []
    errors = [found for each in challenges if (found := _error(each)) is not None]
    return Authorization(
        url=url,
        host=_text(identifier, "value") if isinstance(identifier, Mapping) else "",
        wildcard=document.get("wildcard") is True,
        status=_text(document, "status"),
        challenges=tuple(
            Challenge(_text(each, "type"), _text(each, "url"), _text(each, "token"))
            for each in challenges
            if _TOKEN.fullmatch(_text(each, "token"))
        ),
        error=errors[0] if errors else None,
    )
