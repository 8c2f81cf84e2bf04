"""Second factors that somebody began to set up and has not confirmed yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from posthouse.manage.identity_pending import Pending

if TYPE_CHECKING:
    from posthouse.manage.identity_passkeys import RelyingParty

ENROL_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Begun:
    """What an enrolment that began waits with: the shared secret, or the challenge and its relying party."""

    secret: str = field(default="", repr=False)
    challenge: bytes = field(default=b"", repr=False)
    party: RelyingParty | None = None


class Enrolments:
    """Enrolments that began and are not confirmed yet, one of each kind for an account."""

    def __init__(self) -> None:
        self._begun: Pending[Begun] = Pending(ENROL_SECONDS)

    def put(self, account: int, kind: str, begun: Begun) -> None:
        """Remember one in the place of an earlier one."""
        self._begun.put(begun, f"{account} {kind}")

    def get(self, account: int, kind: str) -> Begun | None:
        """The one that began, while it lasts."""
        return self._begun.get(f"{account} {kind}")

    def done(self, account: int, kind: str) -> None:
        """It is confirmed."""
        self._begun.pop(f"{account} {kind}")
