"""Whose an access token is: ours by its record, another's by its provider (``directory.sources.TokenJudge``)."""

from __future__ import annotations

import time

import msgspec

from posthouse.directory import oauth
from posthouse.directory.sources import TokenKind, TokenVerdict
from posthouse.manage.context import Context
from posthouse.manage.oauth_outside import Away, Outside, Refused
from posthouse.manage.oauth_rules import METADATA_PLACE, issuer, serving
from posthouse.settings import oauth as settings_oauth

SCOPE_OF = {"imap": "imap", "pop3": "pop", "submission": "smtp", "smtp": "smtp"}
MOST_USES = 10_000


class Judge:
    """For one worker. ``uses`` are grants used since they were written last: when and from where, by id."""

    def __init__(self, context: Context, outside: Outside) -> None:
        self._context = context
        self._outside = outside
        self.uses: dict[int, tuple[float, str]] = {}

    def ready(self) -> bool:
        """Whether any token would be taken now."""
        return serving(self._context) or self._outside.ready()

    async def judge(
        self, kind: TokenKind, token: str, login_hint: str, peer: str, protocol: str
    ) -> TokenVerdict:
        """See ``TokenJudge``. Raises DatabaseUnavailable."""
        scope = SCOPE_OF.get(protocol, "")
        if token.startswith(oauth.ACCESS):
            reason, login = await self._own(token, scope, peer)
            status = "insufficient_scope" if reason == "the token is not for this" else "invalid_token"
            return TokenVerdict(login, reason, challenge=self._challenge(kind, status, scope))
        refused = self._challenge(kind, "invalid_token", scope)
        if not self._outside.ready():
            return TokenVerdict("", "no provider is set up", challenge=refused)
        try:
            return TokenVerdict(await self._outside.owner(token), challenge=refused)
        except Refused as problem:
            return TokenVerdict("", str(problem), challenge=refused)
        except Away as problem:
            return TokenVerdict("", str(problem), temporary=True)

    async def _own(self, token: str, scope: str, peer: str) -> tuple[str, str]:
        """Why a token of ours does not hold ("" when it does), and whose it is."""
        if not serving(self._context):
            return "this server gives out no tokens", ""
        found, now = await self._context.database.read(oauth.token, token), time.time()
        if found is None or found.kind != "access":
            return "the token is not known", ""
        if found.expires_at <= now:
            return "the token has expired", ""
        if scope not in found.scopes:
            return "the token is not for this", ""
        if len(self.uses) < MOST_USES:
            self.uses[found.grant_id] = (now, peer)
        return "", found.address

    def _challenge(self, kind: TokenKind, status: str, scope: str) -> bytes:
        """What programs look for in a refusal (RFC 7628 3.2.2; XOAUTH2 has numbers)."""
        if kind == "XOAUTH2":
            number = "403" if status == "insufficient_scope" else "401"
            return msgspec.json.encode({"status": number, "schemes": "bearer", "scope": scope})
        told = {"status": status, "scope": scope}
        if serving(self._context):
            told["openid-configuration"] = issuer(self._context) + METADATA_PLACE
        elif provider := self._context.settings.now[settings_oauth.PROVIDER]:
            told["openid-configuration"] = provider.rstrip("/") + "/.well-known/openid-configuration"
            del told["scope"]
        return msgspec.json.encode(told)
