"""Our authorisation server: what programs ask for, and what people answer (RFC 6749, 7636, 8252, 8628, 7591, 7009).

Every step that both uses something up and makes something is one unit. Nothing is kept in memory, so any node may
answer any step.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from posthouse.database.contract import Transaction
from posthouse.directory import oauth
from posthouse.directory.oauth import Client, Code, Pair
from posthouse.manage.audit import note
from posthouse.manage.context import Actor, Context
from posthouse.manage.oauth_rules import (
    DEVICE_GRANT,
    DEVICE_PAGE,
    LONGEST_URI,
    MOST_URIS,
    VERIFIER,
    Asked,
    OAuthError,
    issuer,
    request_of,
    returning,
    scopes_of,
    serving,
    uri_trouble,
)
from posthouse.settings import oauth as settings_oauth

HOUR, DAY = 3600.0, 86_400.0
LONGEST_NAME = 100


def _now() -> float:
    return time.time()


def _secret(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(32)


def demand(context: Context) -> None:
    """Raise OAuthError where this server gives out no tokens."""
    if not serving(context):
        raise OAuthError("temporarily_unavailable", "This server gives out no tokens.", 404)


# --- in the browser --------------------------------------------------------------------------------------------


async def asked(context: Context, query: Mapping[str, str]) -> Asked:
    """The request a browser comes with. Raises OAuthError and DatabaseUnavailable."""
    demand(context)
    client = await context.database.read(oauth.client, query.get("client_id", "")[:64])
    return request_of(client, query, issuer(context))


async def agree(context: Context, actor: Actor, wanted: Asked) -> str:
    """The owner of an account lets the program in; the address that takes the code to it."""
    code, now = _secret(oauth.CODE), _now()

    def op(tx: Transaction) -> bool:
        kept = oauth.add_code(
            tx,
            "code",
            code,
            wanted.client.id,
            wanted.scopes,
            account_id=actor.account_id,
            redirect_uri=wanted.redirect_uri,
            challenge=wanted.challenge,
            now=now,
        )
        _note(tx, actor, wanted.client, wanted.scopes)
        return kept

    kept = await context.database.run(op)
    told = {"code": code, "state": wanted.state} if kept else {"error": "server_error", "state": wanted.state}
    return returning(wanted.redirect_uri, told, issuer(context))


def declined(context: Context, wanted: Asked) -> str:
    """The address that tells the program no."""
    told = {"error": "access_denied", "error_description": "The owner said no.", "state": wanted.state}
    return returning(wanted.redirect_uri, told, issuer(context))


def _note(tx: Transaction, actor: Actor, client: Client, scopes: tuple[str, ...]) -> None:
    after = {"program": client.name, "client": client.client_id, "scopes": " ".join(scopes)}
    note(tx, actor, "oauth.agree", actor.account, after=after)


async def device(context: Context, user_code: str) -> tuple[Code, Client] | None:
    """The device that waits with this code, however it was typed, and its program."""

    def op(tx: Transaction) -> tuple[Code, Client] | None:
        found = oauth.device(tx, oauth.plain_user_code(user_code), _now())
        client = oauth.client_by_id(tx, found.client) if found is not None else None
        return (found, client) if found is not None and client is not None else None

    return await context.database.read(op) if serving(context) else None


async def decide(context: Context, actor: Actor, user_code: str, *, yes: bool) -> bool:
    """The owner decides about a device; False when it waits no more."""

    def op(tx: Transaction) -> bool:
        found = oauth.device(tx, oauth.plain_user_code(user_code), _now())
        client = oauth.client_by_id(tx, found.client) if found is not None else None
        if found is None or client is None:
            return False
        if not oauth.decide(tx, found.id, "agreed" if yes else "denied", actor.account_id):
            return False
        if yes:
            _note(tx, actor, client, found.scopes)
        return True

    return await context.database.run(op) if serving(context) else False


# --- asked by programs -----------------------------------------------------------------------------------------


async def device_begin(context: Context, form: Mapping[str, str]) -> dict[str, Any]:
    """RFC 8628 3.1. Raises OAuthError."""
    demand(context)
    code, user_code, now = _secret(oauth.DEVICE), oauth.new_user_code(), _now()
    scopes = scopes_of(form.get("scope", ""))

    def op(tx: Transaction) -> str:
        client = oauth.client(tx, form.get("client_id", "")[:64])
        if client is None:
            return "invalid_client"
        kept = oauth.add_code(tx, "device", code, client.id, scopes, user_code=user_code, now=now)
        return "" if kept else "temporarily_unavailable"

    problem = await context.database.run(op)
    if problem:
        raise OAuthError(problem, "This program is not known here, or there are too many.", 400)
    shown, page = f"{user_code[:4]}-{user_code[4:]}", issuer(context) + DEVICE_PAGE
    return {
        "device_code": code,
        "user_code": shown,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?user_code={shown}",
        "expires_in": int(oauth.DEVICE_SECONDS),
        "interval": oauth.DEVICE_INTERVAL,
    }


async def token(context: Context, form: Mapping[str, str]) -> dict[str, Any]:
    """The token endpoint (RFC 6749 3.2). Raises OAuthError."""
    demand(context)
    match form.get("grant_type", ""):
        case "authorization_code":
            return await _by_code(context, form)
        case "refresh_token":
            return await _by_refresh(context, form)
        case grant if grant == DEVICE_GRANT:
            return await _by_device(context, form)
    raise OAuthError("unsupported_grant_type", "The grant type is not known.")


def _fresh(context: Context) -> tuple[tuple[str, str], tuple[float, float, float]]:
    now, settings = _now(), context.settings.now
    until = now + settings[settings_oauth.REFRESH_DAYS] * DAY
    ends = (now, now + settings[settings_oauth.ACCESS_SECONDS], until)
    return (_secret(oauth.ACCESS), _secret(oauth.REFRESH)), ends


def _answer(context: Context, pair: Pair | str) -> dict[str, Any]:
    if isinstance(pair, str):
        error, _, text = pair.partition(" ")
        raise OAuthError(error, text or "It does not hold.", 401 if error == "invalid_client" else 400)
    return {
        "access_token": pair.access,
        "token_type": "Bearer",
        "expires_in": context.settings.now[settings_oauth.ACCESS_SECONDS],
        "refresh_token": pair.refresh,
        "scope": " ".join(pair.scopes),
    }


async def _by_code(context: Context, form: Mapping[str, str]) -> dict[str, Any]:
    verifier = form.get("code_verifier", "")
    if not VERIFIER.fullmatch(verifier):
        raise OAuthError("invalid_request", "The code_verifier is missing or malformed.")
    fresh, times = _fresh(context)

    def op(tx: Transaction) -> Pair | str:
        client = oauth.client(tx, form.get("client_id", "")[:64])
        if client is None:
            return "invalid_client This program is not known here."
        found = oauth.code(tx, "code", form.get("code", ""))
        if found is None or found.client != client.id:
            return "invalid_grant The code is not known."
        if found.state == "used":  # somebody else had it, too (RFC 6749 4.1.2)
            oauth.revoke(tx, found.grant_id)
            return "invalid_grant The code was used already."
        if found.expires_at < times[0]:
            return "invalid_grant The code has expired."
        if found.redirect_uri != form.get("redirect_uri", found.redirect_uri):
            return "invalid_grant The address to return to is another one."
        if not hmac.compare_digest(_challenge(verifier), found.challenge):
            return "invalid_grant The code_verifier does not fit."
        return oauth.redeem(tx, found, fresh, times) or "invalid_grant The code was used already."

    return _answer(context, await context.database.run(op))


async def _by_device(context: Context, form: Mapping[str, str]) -> dict[str, Any]:
    fresh, times = _fresh(context)

    def op(tx: Transaction) -> Pair | str:
        client = oauth.client(tx, form.get("client_id", "")[:64])
        if client is None:
            return "invalid_client This program is not known here."
        found = oauth.code(tx, "device", form.get("device_code", ""))
        if found is None or found.client != client.id or found.state == "used":
            return "invalid_grant The code is not known."
        if found.expires_at < times[0]:
            return "expired_token The code has expired."
        if found.state == "denied":
            return "access_denied The owner said no."
        if found.state == "waiting":
            oauth.asked(tx, found.id, times[0])
            soon = times[0] - found.asked_at < oauth.DEVICE_INTERVAL - 0.5
            return "slow_down Wait longer." if soon else "authorization_pending Ask again."
        return oauth.redeem(tx, found, fresh, times) or "invalid_grant The code was used already."

    return _answer(context, await context.database.run(op))


async def _by_refresh(context: Context, form: Mapping[str, str]) -> dict[str, Any]:
    fresh, times = _fresh(context)

    def op(tx: Transaction) -> Pair | str:
        found = oauth.token(tx, form.get("refresh_token", ""))
        if found is None or found.kind != "refresh":
            return "invalid_grant The refresh token is not known."
        if found.client_id != form.get("client_id", ""):
            return "invalid_client The refresh token is another program's."
        if found.expires_at < times[0]:
            return "invalid_grant The refresh token has expired."
        try:
            scopes_of(form.get("scope", ""), found.scopes)
        except OAuthError as error:
            return f"invalid_scope {error.text}"
        pair = oauth.rotate(tx, found, found.scopes, fresh, times)
        return pair or "invalid_grant The refresh token was used before; the program must be let in anew."

    return _answer(context, await context.database.run(op))


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


async def revoke(context: Context, form: Mapping[str, str]) -> None:
    """RFC 7009: a program gives back what it was given; whatever is not known is gone already."""
    demand(context)

    def op(tx: Transaction) -> None:
        found = oauth.token(tx, form.get("token", ""))
        if found is not None and found.client_id == form.get("client_id", found.client_id):
            oauth.revoke(tx, found.grant_id)

    await context.database.run(op)


async def register(context: Context, wanted: Mapping[str, Any], peer: str) -> dict[str, Any]:
    """RFC 7591 3.1: a program makes itself known. Raises OAuthError."""
    demand(context)
    settings = context.settings.now
    if not settings[settings_oauth.REGISTRATION]:
        raise OAuthError("access_denied", "Programs are entered by the administrator here.", 403)
    name, uris = _registered_name(wanted), _registered_uris(wanted)
    now, most = _now(), settings[settings_oauth.REGISTRATIONS]

    def op(tx: Transaction) -> Client | None:
        total, of_peer = oauth.count_clients(tx, peer, now - HOUR)
        if total >= oauth.MOST_CLIENTS or of_peer >= most:
            return None
        return oauth.add_client(tx, new_client_id(), name, uris, by_hand=False, peer=peer, now=now)

    client = await context.database.run(op)
    if client is None:
        raise OAuthError(
            "temporarily_unavailable", "Too many programs were made known; try again later.", 429
        )
    return {
        "client_id": client.client_id,
        "client_id_issued_at": int(now),
        "client_name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token", DEVICE_GRANT],
        "response_types": ["code"],
    }


def new_client_id() -> str:
    """A client id: no secret, but nobody's guess either."""
    return secrets.token_hex(12)


def _registered_name(wanted: Mapping[str, Any]) -> str:
    name = wanted.get("client_name", "")
    if not isinstance(name, str):
        raise OAuthError("invalid_client_metadata", "client_name must be a text.")
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise OAuthError("invalid_client_metadata", "client_name must have 1 to 100 characters on one line.")
    return name


def _registered_uris(wanted: Mapping[str, Any]) -> tuple[str, ...]:
    given = wanted.get("redirect_uris", [])
    if not isinstance(given, list) or len(given) > MOST_URIS:
        raise OAuthError("invalid_redirect_uri", f"redirect_uris must be a list of at most {MOST_URIS}.")
    for each in given:
        trouble = uri_trouble(each) if isinstance(each, str) else "it is no text"
        if trouble:
            raise OAuthError("invalid_redirect_uri", f"{str(each)[:LONGEST_URI]}: {trouble}.")
    return tuple(dict.fromkeys(given))
