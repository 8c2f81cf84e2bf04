"""Single sign-on: to the provider and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from time import time

from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.manage.identity import Departure, Step, Visitor
from posthouse.manage.identity_begin import LATER, Beginnings, away
from posthouse.manage.identity_oidc import Oidc, OidcTrouble, available
from posthouse.manage.identity_people import account_for, believed_address
from posthouse.observe.log import logger
from posthouse.settings import identity as settings_identity
from posthouse.settings.contract import CurrentSettings

log = logger("manage.identity")


class SingleSignOn(Beginnings):
    """The part of ``identity.Identity`` that a provider's word is enough for."""

    def __init__(
        self, database: Database, settings: CurrentSettings, clock: Callable[[], float] = time
    ) -> None:
        super().__init__(database, settings, clock)
        self._oidc = Oidc(settings, clock)

    def oidc_name(self) -> str:
        """What to write on the button; "" without a provider."""
        configured = self._oidc.configured() and available()
        return self._settings.now[settings_identity.OIDC_NAME] if configured else ""

    async def oidc_begin(self, return_to: str, visitor: Visitor, *, fresh: bool = False) -> Departure | Step:
        """Begin single sign-on."""
        if not self._oidc.configured():
            return Step("refused", "Single sign-on is not set up.")
        if not available():
            log.error("oidc.absent", reason="install posthouse[oidc]")
            return Step("refused", "Single sign-on needs the extra `oidc` of Posthouse to be installed.")
        try:
            return await self._oidc.begin(visitor.origin, _own_path(return_to), fresh=fresh)
        except OidcTrouble as trouble:
            return _oidc_failed(trouble, visitor)

    async def oidc_finish(self, query: Mapping[str, str], state: str, visitor: Visitor) -> Step:
        """The browser came back from the provider."""
        if not self._oidc.configured() or not available():
            return Step("refused", "Single sign-on is not set up.")
        if self._too_many(visitor.peer):
            return Step("later", LATER)
        try:
            returned = await self._oidc.finish(query, state)
            address = believed_address(returned.claims, self._settings.now)
            account = await self._database.read(account_for, address, self._settings.now)
            # The provider may have known the person for days: fresh is only what it says was just now.
            proved = returned.claims.get("auth_time")
            fresh_at = min(float(proved), self._clock()) if isinstance(proved, int | float) else 0.0
            step = await self._begun(account, "oidc", visitor, fresh_at=fresh_at)
            return replace(step, return_to=returned.return_to)
        except OidcTrouble as trouble:
            self._count(visitor.peer)
            return _oidc_failed(trouble, visitor)
        except DatabaseUnavailable as problem:
            return away(problem)


def _own_path(path: str) -> str:
    """A path of our own pages, else "": no other host (``//host``, ``/\\host``), no scheme, no control."""
    own = path.startswith("/") and path[1:2] not in ("/", "\\")
    return path if own and len(path) <= 2000 and path.isprintable() else ""


def _oidc_failed(trouble: OidcTrouble, visitor: Visitor) -> Step:
    log.warning("oidc.failed", peer=visitor.peer, reason=str(trouble)[:300])
    if trouble.temporary:
        return Step("later", "The single sign-on provider cannot be asked at the moment. Try again soon.")
    return Step(
        "refused", "Single sign-on did not let you in. Ask your administrator; the server's log says why."
    )
