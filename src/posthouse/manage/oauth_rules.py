"""What a program may ask of our authorisation server, and what it is told when it may not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from posthouse.directory.oauth import SCOPES, Client
from posthouse.manage.context import Context
from posthouse.manage.setup_facts import host_name
from posthouse.settings import oauth as settings_oauth

METADATA_PLACE = "/.well-known/oauth-authorization-server"
AUTHORIZE, TOKEN, DEVICE, REGISTER, REVOKE = (
    "/oauth/authorize",
    "/oauth/token",
    "/oauth/device",
    "/oauth/register",
    "/oauth/revoke",
)
DEVICE_PAGE = "/device"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
MOST_URIS = 10
LONGEST_URI = 500
LONGEST_STATE = 600
"""Characters of ``state``: the whole request must find room in one address."""

_URI = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&()*+=%]+")
_SCHEME = re.compile(r"[a-z][a-z0-9+\-]*(\.[a-z0-9+\-]+)+")
_HOST = re.compile(r"[a-z0-9.\-]+|[0-9a-f:]+")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


class OAuthError(Exception):
    """A refusal in the words of RFC 6749 5.2. ``redirect``: where the browser takes it, "" when nothing may be sent
    there, because it may not be the program's."""

    def __init__(self, error: str, text: str, status: int = 400, redirect: str = "") -> None:
        super().__init__(text)
        self.error = error
        self.text = text
        self.status = status
        self.redirect = redirect


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorisation request that holds (RFC 6749 4.1.1, RFC 7636 4.3)."""

    client: Client
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    challenge: str


def issuer(context: Context) -> str:
    """Our own issuer; "" where there is no https by which anybody could come."""
    named = context.settings.now[settings_oauth.ISSUER]
    if named:
        return named.rstrip("/")
    ports = [one.port for one in context.config.listeners if (one.protocol, one.tls) == ("http", "implicit")]
    if not ports:
        return ""
    port = "" if 443 in ports else f":{ports[0]}"
    return f"https://{host_name(context)}{port}"


def serving(context: Context) -> bool:
    """Whether this server gives out tokens."""
    return bool(context.settings.now[settings_oauth.SERVER] and issuer(context))


def metadata(context: Context) -> dict[str, Any]:
    """RFC 8414 2."""
    here = issuer(context)
    found = {
        "issuer": here,
        "authorization_endpoint": here + AUTHORIZE,
        "token_endpoint": here + TOKEN,
        "device_authorization_endpoint": here + DEVICE,
        "revocation_endpoint": here + REVOKE,
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", DEVICE_GRANT],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }
    if context.settings.now[settings_oauth.REGISTRATION]:
        found["registration_endpoint"] = here + REGISTER
    return found


DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def scopes_of(text: str, most: tuple[str, ...] = SCOPES) -> tuple[str, ...]:
    """The scopes that a program asks for, of ``most``: all where it names none, and of what it names those we know
    (RFC 6749 3.3). Raises OAuthError."""
    words = text.split()
    if len(text) > 1000:
        raise OAuthError("invalid_scope", "The scope is too long.")
    found = tuple(one for one in most if one in words)
    if words and not found:
        raise OAuthError("invalid_scope", f"None of these scopes can be had; there are: {' '.join(most)}.")
    return found or most


def uri_trouble(uri: str) -> str:
    """Why an address may not be one to return to, "" when it may (RFC 8252 7, RFC 9700 2.1)."""
    if len(uri) > LONGEST_URI or not _URI.fullmatch(uri):
        return "it is too long, or has characters that need no place in it"
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 - raises for what is no port
    except ValueError:
        return "it is no address"
    host = parts.hostname or ""
    if parts.fragment or "#" in uri or parts.username is not None:
        return "it has a fragment or a user"
    if parts.scheme in ("http", "https"):
        if not _HOST.fullmatch(host):
            return "it names no host"
        if parts.scheme == "http" and host not in LOOPBACK:
            return "http is for the program's own machine only, use https"
        return ""
    return "" if _SCHEME.fullmatch(parts.scheme) else "its scheme is neither https nor a name with a dot"


def may_return(client: Client, uri: str) -> bool:
    """Whether a program may be answered there: exactly as registered, but for the port on its own machine (RFC 8252
    7.3)."""
    return uri in client.redirect_uris or (
        not uri_trouble(uri)
        and _portless(uri) in [_portless(each) for each in client.redirect_uris]
        and _loopback(uri)
    )


def _loopback(uri: str) -> bool:
    parts = urlsplit(uri)
    return parts.scheme == "http" and parts.hostname in LOOPBACK


def _portless(uri: str) -> tuple[str, str | None, str, str]:
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname, parts.path or "/", parts.query


def request_of(client: Client | None, query: Mapping[str, str], here: str) -> Asked:
    """The request of a program that sends a browser to us. Raises OAuthError, with a redirection once it is sure that
    it leads to the program."""
    if client is None:
        raise OAuthError("invalid_client", "This program is not known here.", 400)
    uri = query.get("redirect_uri", "")
    if not uri and len(client.redirect_uris) == 1:
        uri = client.redirect_uris[0]
    if not may_return(client, uri):
        raise OAuthError("invalid_request", "The program gave an address to return to that is not its own.")
    state = query.get("state", "")
    if len(state) > LONGEST_STATE or not state.isprintable():
        state = ""
    try:
        if query.get("response_type") != "code":
            raise OAuthError("unsupported_response_type", "Only the response type code is known.")
        if not _CHALLENGE.fullmatch(query.get("code_challenge", "")):
            raise OAuthError("invalid_request", "A code_challenge of PKCE is needed.")
        if query.get("code_challenge_method") != "S256":
            raise OAuthError("invalid_request", "The code_challenge_method must be S256.")
        scopes = scopes_of(query.get("scope", ""))
    except OAuthError as error:
        told = {"error": error.error, "error_description": error.text, "state": state}
        raise OAuthError(error.error, error.text, redirect=returning(uri, told, here)) from None
    return Asked(client, uri, scopes, state, query["code_challenge"])


def returning(uri: str, told: Mapping[str, str], here: str) -> str:
    """The address that takes an answer back to the program, with our issuer (RFC 9207)."""
    query = urlencode({**{name: value for name, value in told.items() if value}, "iss": here})
    return f"{uri}{'&' if urlsplit(uri).query else '?'}{query}"


def policy_source(uri: str) -> str:
    """What lets a page's form lead there, for its Content-Security-Policy."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https"):
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc}"
