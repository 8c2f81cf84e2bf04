"""``Idempotency-Key``: a POST that is sent twice is carried out once."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Awaitable, Callable

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request
from starlette.responses import Response

from posthouse.api import errors
from posthouse.api.parameters import BadRequest
from posthouse.http import problem
from posthouse.http.who import Asker, bearer
from posthouse.manage import idempotency
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError

HEADER = "idempotency-key"
REPLAYED = "idempotency-replayed"

_KEY = re.compile(r'[\x21-\x7e]{1,255}|"[\x20-\x7e]{1,253}"')

RETRIED = frozenset({401, 429, 503})
"""Answers that mean nothing was done and it may be tried again: they are not kept."""


class Kept(msgspec.Struct, frozen=True):
    """An answer as it is kept."""

    status: int
    headers: dict[str, str]
    body: bytes


async def once(
    context: Context, request: Request, asker: Asker, key: str, run: Callable[[], Awaitable[Response]]
) -> Response:
    """The answer of ``run``, or the one it gave before under this key."""
    if not _KEY.fullmatch(key):
        raise BadRequest(
            400, "Idempotency-Key is no key.", "Send 1 to 255 visible ASCII characters.", "Idempotency-Key"
        )
    name = _hash(_holder(asker), key)
    try:
        claim = await idempotency.claim(context, name, await _request_hash(request))
    except ManageError as error:
        return errors.managed(error)
    secret = _hash(_credential(request), key, "answer")
    if claim.state == "new":
        # Carried on when the client leaves: the answer must be kept.
        return await asyncio.shield(asyncio.ensure_future(_run(context, name, secret, run)))
    if claim.state == "done":
        return _replay(claim.answer, secret)
    return _decline(claim.state)


async def _run(
    context: Context, name: bytes, secret: bytes, run: Callable[[], Awaitable[Response]]
) -> Response:
    try:
        response = await run()
    except BadRequest:
        await idempotency.forget(context, name)
        raise
    if response.status_code in RETRIED:
        await idempotency.forget(context, name)
    else:
        headers = {k: v for k, v in response.headers.items() if k != "content-length"}
        kept = msgspec.msgpack.encode(Kept(response.status_code, headers, bytes(response.body)))
        await idempotency.keep(context, name, _seal(secret, kept))
    return response


def _decline(state: str) -> Response:
    if state == "other":
        return problem.response(
            422,
            "This Idempotency-Key was used for another request.",
            "Use a new key for a new request.",
            kind="invalid",
            field="Idempotency-Key",
        )
    if state == "running":
        return problem.response(
            409,
            "The first request with this Idempotency-Key is still being carried out.",
            "Ask again in a moment.",
            kind="exists",
            headers={"retry-after": "1"},
        )
    return problem.response(
        409,
        "The server stopped while it carried out the request with this Idempotency-Key.",
        "Look whether it was done; if it was not, repeat it with a new key.",
        kind="exists",
    )


def _replay(sealed: bytes, secret: bytes) -> Response:
    try:
        kept = msgspec.msgpack.decode(_open(secret, sealed), type=Kept)
    except (InvalidTag, msgspec.DecodeError):
        # The same person with another token or session: what was answered to the first one may hold a secret.
        return problem.response(
            409,
            "This Idempotency-Key was used with another token or session.",
            "Use a new key.",
            kind="exists",
        )
    return Response(kept.body, kept.status, {**kept.headers, REPLAYED: "true"})


def _holder(asker: Asker) -> str:
    actor = asker.actor
    assert actor is not None
    return f"{actor.account_id} {actor.name}"


def _credential(request: Request) -> str:
    """The secret the client came with. Answers may hold secrets (a new token): they are kept so that only who has it
    can read them, not who has the database."""
    return bearer(request) or request.headers.get("cookie", "")


async def _request_hash(request: Request) -> bytes:
    kind = request.headers.get("content-type", "")
    query = request.scope["query_string"].decode("ascii", "replace")
    body = hashlib.sha256(await request.body()).hexdigest()
    return _hash(
        request.method, request.scope["path"], query, kind, request.headers.get("if-match", ""), body
    )


def _hash(*words: str) -> bytes:
    return hashlib.sha256(
        b"".join(f"{len(word)}:{word}".encode("utf-8", "replace") for word in words)
    ).digest()


def _seal(secret: bytes, plain: bytes) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(secret).encrypt(nonce, plain, None)


def _open(secret: bytes, sealed: bytes) -> bytes:
    return AESGCM(secret).decrypt(sealed[:12], sealed[12:], None)
