"""Who is asking over HTTP: what the faces may rely on. The implementation stands on ``directory``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from posthouse.manage.context import Actor

SecondFactor = Literal["totp", "passkey", "recovery"]

LINK_PATH = "/sign-in/link"
"""Where a one-time link leads on our pages, before ``/`` and its secret. There a button uses it up, not whatever
looks at links; logs leave the secret out."""

OIDC_RETURN_PATH = "/sign-in/oidc"
"""Where the single sign-on provider sends the browser back to, on our own origin: the page there hands its query
to ``oidc_finish``. Registered at the provider as the redirect URI."""


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
    language: str = ""
    """The one the person chose, "" for none."""
    password_expires_at: float = 0.0
    """Seconds since 1970, 0 for never. See also ``actor.must_change``."""


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome of one step of signing in.

    ``done``: ``cookie`` is the new session's secret (a new one at each sign-in, never one the browser brought).
    ``second``: the password was right; ``pending`` names the sign-in until one of ``factors`` is given (five
    minutes, three tries). ``refused``: ``text`` says why in words for the person, the same for unknown names
    and wrong passwords; answer after ``delay`` seconds. After a wrong code ``pending`` and ``factors`` are there
    while another try is left. ``later``: too many tries, or the directory cannot be
    asked.
    """

    kind: Literal["done", "second", "refused", "later"]
    text: str = ""
    cookie: str = field(default="", repr=False)
    pending: str = field(default="", repr=False)
    factors: tuple[SecondFactor, ...] = ()
    delay: float = 0.0
    return_to: str = ""
    """After single sign-on: the page that was asked for when it began (as given to ``oidc_begin``)."""


@dataclass(frozen=True, slots=True)
class Departure:
    """Single sign-on begins: send the browser to ``url``, and keep ``state`` in a cookie of its own for ten
    minutes (HttpOnly, Secure, SameSite=Lax, path :data:`OIDC_RETURN_PATH`). It ties the answer to this browser."""

    url: str
    state: str = field(repr=False)


class Identity(Protocol):
    """All methods may be called often and side by side; none raises for what a stranger sends. ``by_cookie`` and
    ``by_token`` raise ManageError of the kind ``unavailable`` while the database cannot be asked: the steps say
    ``later`` instead."""

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
        session fresh, under a new cookie. With a password of "" a passkey alone is asked for, where there is
        one."""

    async def verify(self, actor: Actor, password: str) -> Step:
        """Whether this is the password of the actor's account: ``done`` (no cookie), ``refused`` or ``later``;
        counted like a sign-in. For uses that ask for the password themselves."""

    def oidc_name(self) -> str:
        """What to write on the button of single sign-on; "" while it is not set up."""

    async def oidc_begin(self, return_to: str, visitor: Visitor, *, fresh: bool = False) -> Departure | Step:
        """Begin single sign-on; a Step (``refused`` or ``later``) when that is not possible now. ``fresh``: the
        provider is to ask the person anew. ``return_to`` must be a path of ours, else it is dropped."""

    async def oidc_finish(self, query: Mapping[str, str], state: str, visitor: Visitor) -> Step:
        """The browser came back with this query; ``state`` is from the cookie that ``oidc_begin`` asked for."""

    async def sign_out(self, session: BrowserSession) -> None:
        """End the session."""
