"""What administrators say of a route, and how it is checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import msgspec

from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import own_address
from posthouse.directory.routes import Route
from posthouse.directory.routes_patterns import ANY, NULL_SENDER, is_bounded, normal
from posthouse.manage.errors import Kind, ManageError
from posthouse.manage.use import Private
from posthouse.route.targets import parse_targets
from posthouse.route.ways import XOAUTH2, default_port
from posthouse.settings import route as settings_route

SECRETS = ("password", "client_secret", "refresh_token")
LONGEST_DESCRIPTION = 200
LONGEST_SECRET = 8192
MOST_WORDS = 50
"""Arguments of a command."""

Protocol = Literal["smtp", "lmtp", "pipe"]
Security = Literal["none", "may", "starttls", "tls"]
Mechanism = Literal["", "PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1", "XOAUTH2"]


class RouteError(ManageError):
    """A route declined; ``field`` is what is wrong with it."""

    def __init__(self, field: str, what: str, mend: str, kind: Kind = "invalid") -> None:
        super().__init__(kind, what, mend)
        self.field = field


class NewRoute(Private, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A route to be added, behind all others. At least one of ``recipient``, ``sender`` and ``account`` is given, and
    all that are given must fit: a domain, ``*.example.org``, an address, or ``*``; ``sender`` may be ``<>``.

    ``target``: hosts as ``a|b|c``, each ``host[:port][,preference[,weight]]``; none: the MX hosts of the recipient's
    domain. ``port``: of targets that name none (0: 25, with ``tls`` 465, LMTP 24). ``protocol`` ``pipe`` runs
    ``command`` (an argument list) for each recipient. ``security``: none, may (TLS where it is offered), starttls or
    tls; ``verify``: the certificate must be good and name the host. ``username`` with ``password`` signs in, by
    ``mechanism`` ("" = the best there is); ``XOAUTH2`` asks ``token_url`` for access tokens, with ``client_id``,
    ``client_secret``, ``refresh_token`` and ``scope``. ``tries`` and ``minutes`` between them (0: as the settings of
    the queue say). Without ``all_addresses`` only listed addresses are taken. ``local_recipients``: everybody may send
    to them; ``local_senders``: such senders count as ours. ``hold``: mail waits until its host asks for it with ETRN,
    from ``etrn_networks`` or signed in as one of ``etrn_accounts``. ``source``: the local address to connect from;
    ``certificate``: the host name of the client certificate to show; ``batch``: most recipients at once (0: the
    setting)."""

    recipient: str = ""
    sender: str = ""
    account: str = ""
    description: str = ""
    active: bool = True
    target: str = ""
    port: int = 0
    protocol: Protocol = "smtp"
    command: list[str] = msgspec.field(default_factory=list)
    security: Security = "may"
    verify: bool = False
    username: str = ""
    password: str = ""
    mechanism: Mechanism = ""
    token_url: str = ""
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""
    scope: str = ""
    tries: int = 0
    minutes: int = 0
    all_addresses: bool = True
    local_recipients: bool = False
    local_senders: bool = False
    hold: bool = False
    etrn_networks: str = ""
    etrn_accounts: str = ""
    source: str = ""
    certificate: str = ""
    batch: int = 0


class RouteChange(Private, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is left out stays as it is (see adding a route). An empty ``username`` forgets the secrets too."""

    id: int
    recipient: str | None = None
    sender: str | None = None
    account: str | None = None
    description: str | None = None
    active: bool | None = None
    target: str | None = None
    port: int | None = None
    protocol: Protocol | None = None
    command: list[str] | None = None
    security: Security | None = None
    verify: bool | None = None
    username: str | None = None
    password: str | None = None
    mechanism: Mechanism | None = None
    token_url: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    refresh_token: str | None = None
    scope: str | None = None
    tries: int | None = None
    minutes: int | None = None
    all_addresses: bool | None = None
    local_recipients: bool | None = None
    local_senders: bool | None = None
    hold: bool | None = None
    etrn_networks: str | None = None
    etrn_accounts: str | None = None
    source: str | None = None
    certificate: str | None = None
    batch: int | None = None


def given(wanted: NewRoute | RouteChange) -> dict[str, Any]:
    """The fields that were given."""
    values = {name: getattr(wanted, name) for name in NewRoute.__struct_fields__}
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
        if value is not None
    }


def checked(route: Route) -> Route:
    """The route in its normal form. Raises RouteError naming the field that is no good."""
    route = replace(
        route,
        recipient=_pattern(route.recipient, "recipient"),
        sender=_sender(route.sender),
        account=_pattern(route.account, "account"),
        description=_line(route.description, "description", LONGEST_DESCRIPTION),
        target=route.target.strip(),
        etrn_accounts=_accounts(route.etrn_accounts),
        etrn_networks=_settled(route.etrn_networks, "etrn_networks", settings_route.check_networks),
        source=_settled(route.source, "source", settings_route.check_source),
        certificate=_line(route.certificate, "certificate", 255).lower(),
    )
    _check_numbers(route)
    if not (route.recipient or route.sender or route.account):
        raise RouteError(
            "recipient",
            "It is said of no mail that it takes this route.",
            "Give a recipient; * is everybody.",
        )
    if route.local_recipients and not is_bounded(route.recipient):
        raise RouteError(
            "local_recipients",
            "Everybody could send to anybody by this route.",
            "Let the recipient name a domain (example.org, *.example.org), or do not treat it as local.",
        )
    if route.local_senders and not is_bounded(route.recipient):
        raise RouteError(
            "local_senders", "The recipient names no domain whose senders these are.", "Name a domain there."
        )
    _check_targets(route)
    route = _signing_in(route)
    return route


def _pattern(text: str, field: str) -> str:
    text = text.strip()
    if not text:
        return ""
    try:
        found = normal(text)
    except ValueError as problem:
        raise RouteError(
            field,
            f"{text[:80]!r} does not fit here: {problem}.",
            "Give a domain, *.example.org or an address.",
        ) from None
    return "" if found == ANY and field != "recipient" else found


def _sender(text: str) -> str:
    return NULL_SENDER if text.strip() == NULL_SENDER else _pattern(text, "sender")


def _line(text: str, field: str, longest: int) -> str:
    text = text.strip()
    if len(text) > longest or not (text.isprintable() or not text):
        raise RouteError(field, f"This must be one line of at most {longest} characters.", "Write less.")
    return text


def _check_numbers(route: Route) -> None:
    for name, most in (("port", 65535), ("tries", 1000), ("minutes", 10080), ("batch", 1000)):
        if not 0 <= getattr(route, name) <= most:
            raise RouteError(name, f"{getattr(route, name)} is out of range.", f"Give 0 to {most}.")


def _settled(text: str, field: str, check: Any) -> str:
    text = " ".join(text.split())
    complaint = check(text) if len(text) <= 4000 else "is too long"
    if complaint:
        raise RouteError(field, f"{text[:80]!r} does not fit here: {complaint}.", "Correct it.")
    return text


def _accounts(text: str) -> str:
    found = []
    if len(text) > 4000:
        raise RouteError("etrn_accounts", "That is too long.", "Name fewer accounts.")
    for each in text.split():
        try:
            found.append(own_address(each).key)
        except DirectoryError as error:
            raise RouteError("etrn_accounts", f"{error.text[:300]}.", "Give addresses of accounts.") from None
    return " ".join(dict.fromkeys(found))


def _check_targets(route: Route) -> None:
    try:
        targets = parse_targets(route.target, route.port or default_port(route))
    except ValueError as problem:
        raise RouteError(
            "target",
            f"The target does not fit: {problem}.",
            "Write it like mail.example.org or mail.example.org:587.",
        ) from None
    if route.protocol == "pipe":
        _check_command(route)
        if targets:
            raise RouteError("target", "A command has no target.", "Leave the target out.")
        return
    if route.command:
        raise RouteError(
            "command", "Only routes of the protocol pipe run a command.", "Leave the command out."
        )
    if any(each.host.startswith("/") for each in targets) and route.protocol != "lmtp":
        raise RouteError(
            "target", "A socket of this machine takes LMTP only.", "Choose LMTP as the protocol."
        )
    if route.protocol == "lmtp" and not targets:
        raise RouteError("target", "LMTP needs a target.", "Name a host, or a socket (/run/lmtp).")
    if route.hold and not targets and not route.domain:
        raise RouteError("target", "What waits for ETRN needs a target or one domain.", "Name a host.")


def _check_command(route: Route) -> None:
    words = route.command
    if not words or not words[0].strip():
        raise RouteError("command", "There is no command.", "Give the path of a program and its arguments.")
    if len(words) > MOST_WORDS or any("\0" in each or len(each) > 2000 for each in words):
        raise RouteError(
            "command", "The command is too long or holds strange characters.", "Make it shorter."
        )
    if not (words[0].startswith("/") or words[0][1:3] in (":\\", ":/")):
        raise RouteError(
            "command", f"{words[0][:80]!r} is no full path.", "Begin with / (or a drive letter)."
        )


def _signing_in(route: Route) -> Route:
    for name in (*SECRETS, "client_id", "scope"):
        if len(getattr(route, name)) > LONGEST_SECRET or "\0" in getattr(route, name):
            raise RouteError(name, "That is too long.", "Check what was pasted.")
    if not route.username:
        bare = replace(route, mechanism="", token_url="", client_id="", scope="")
        return replace(bare, password="", client_secret="", refresh_token="")
    _line(route.username, "username", 320)
    if route.protocol != "smtp":
        raise RouteError("username", "Only SMTP signs in.", "Leave the user name out.")
    if route.security not in ("starttls", "tls") and not _stays_here(route):
        raise RouteError(
            "security",
            "The password would travel in clear text.",
            "Choose STARTTLS or TLS as required; only on this machine it may be without.",
        )
    if route.mechanism == XOAUTH2:
        _check_token_fields(route)
        return replace(route, password="")
    if not route.password:
        raise RouteError("password", "There is no password.", "Give it, or leave the user name out.")
    return replace(route, token_url="", client_id="", client_secret="", refresh_token="", scope="")


def _stays_here(route: Route) -> bool:
    """Whether all targets are this very machine."""
    targets = parse_targets(route.target, route.port or default_port(route))
    return bool(targets) and all(
        each.host in ("localhost", "::1") or each.host.startswith(("127.", "/")) for each in targets
    )


def _check_token_fields(route: Route) -> None:
    from posthouse.deliver.webhook_address import check_url

    complaint = check_url(route.token_url, private=True) if route.token_url else "is missing"
    if not complaint and not route.token_url.startswith("https://") and not _is_loopback_url(route.token_url):
        complaint = "must begin with https://"
    if complaint:
        raise RouteError(
            "token_url", f"The token URL {complaint}.", "The provider tells it: https://login.example/token."
        )
    if not route.client_id:
        raise RouteError("client_id", "The client id is missing.", "The provider tells it.")
    if not route.refresh_token and not route.client_secret:
        raise RouteError(
            "refresh_token",
            "There is neither a refresh token nor a client secret.",
            "Give a refresh token, or a client secret for an application of its own.",
        )


def _is_loopback_url(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "http://localhost:", "http://[::1]:"))
