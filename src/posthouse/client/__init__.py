"""A typed Python client of the API, with the object tree that hMailServer scripters know.

``Application`` is the tree; ``Application.calls`` is every call of the API, typed (``posthouse.client.generated`` has
their answers). It uses nothing else of Posthouse.
"""

from __future__ import annotations

from posthouse.client.accounts import Account, Accounts, AdminLevel
from posthouse.client.aliases import Alias, Aliases
from posthouse.client.application import Application
from posthouse.client.domains import Domain, Domains
from posthouse.client.errors import (
    ApiError,
    Conflict,
    ConnectionLost,
    Exists,
    Failed,
    Invalid,
    NotFound,
    NotSignedIn,
    OutcomeUnknown,
    PosthouseError,
    RateLimited,
    Refused,
    TimedOut,
    Unavailable,
    UnexpectedAnswer,
)
from posthouse.client.listeners import ConnectionSecurity
from posthouse.client.message import Message
from posthouse.client.status import SessionType
from posthouse.client.stream import Download, Stream

__all__ = [
    "Account",
    "Accounts",
    "AdminLevel",
    "Alias",
    "Aliases",
    "ApiError",
    "Application",
    "Conflict",
    "ConnectionLost",
    "ConnectionSecurity",
    "Domain",
    "Domains",
    "Download",
    "Exists",
    "Failed",
    "Invalid",
    "Message",
    "NotFound",
    "NotSignedIn",
    "OutcomeUnknown",
    "PosthouseError",
    "RateLimited",
    "Refused",
    "SessionType",
    "Stream",
    "TimedOut",
    "Unavailable",
    "UnexpectedAnswer",
]
