"""Who is asking over HTTP: what the faces may rely on. The implementation stands on ``directory``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from posthouse.manage.context import Actor

SecondFactor = Literal["totp", "passkey", "recovery"]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request comes from: ``peer`` is the address (behind a trusted proxy: the one it names), ``agent``
    the User-Agent cut to 200 characters, ``origin`` our own origin as the browser sees it
    (``https://mail.example.org``), ``face`` is ``web`` or ``api``."""

    peer: str
    agent: str = ""
    origin: str = ""
    face: Literal["web", "api"] = "web"


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A signed-in browser. ``csrf`` is the secret that every form of this session carries. ``actor.session`` is
    its id, ``actor.fresh_at`` when the person last gave password or passkey in it."""

    actor: Actor
    csrf: str = field(repr=False)
    expires_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome of one step of signing in.

    ``done``: ``cookie`` is the new session's secret (a new one at each sign-in, never one the browser brought).
    ``second``: the password was right; ``pending`` names the sign-in until one of ``factors`` is given (five
    minutes, three tries). ``refused``: ``text`` says why in words for the person, the same for unknown names
    and wrong passwords; answer after ``delay`` seconds. ``later``: too many tries, or the directory cannot be
    asked.
    """

    kind: Literal["done", "second", "refused", "later"]
    text: str = ""
    cookie: str = field(default="", repr=False)
    pending: str = field(default="", repr=False)
    factors: tuple[SecondFactor, ...] = ()
    delay: float = 0.0


class Identity(Protocol):
    """All methods may be called often and side by side; none raises for what a stranger sends."""

    async def password(self, login: str, password: str, visitor: Visitor) -> Step:
        """The first step: address and password."""

    async def second(self, pending: str, factor: SecondFactor, answer: str, visitor: Visitor) -> Step:
        """The second step: a TOTP code, a recovery code, or a passkey's JSON answer to ``challenge``."""

    async def challenge(self, pending: str, visitor: Visitor) -> str:
        """Options for ``navigator.credentials.get`` as JSON: for the second step of ``pending``, or with ""
        for signing in by passkey alone (answered with ``second("", "passkey", …)``). "" if that is not
        possible."""

    async def one_time(self, link: str, visitor: Visitor) -> Step:
        """Sign in by a one-time link that the control socket made (``identity.link``)."""

    async def by_cookie(self, cookie: str, visitor: Visitor) -> BrowserSession | None:
        """The session of this cookie while it lasts. Role, rights and domains are those of now."""

    async def by_token(self, token: str, visitor: Visitor) -> Actor | None:
        """The holder of an API token (``Authorization: Bearer``) while it lasts."""

    async def prove(self, session: BrowserSession, password: str, visitor: Visitor) -> Step:
        """Give the password again (and, where set up, ``second`` with the returned ``pending``): makes the
        session fresh, under a new cookie."""

    async def sign_out(self, session: BrowserSession) -> None:
        """End the session."""
