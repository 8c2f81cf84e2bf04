"""Against requests that a foreign page makes in the name of somebody signed in.

Three walls: the session cookie is SameSite, a changing request that says it comes from another origin is refused
(``foreign``), and one that is made with a session must carry that session's token (``matches``).
"""

from __future__ import annotations

import hmac

from starlette.requests import HTTPConnection

from posthouse.http.who import origin_of
from posthouse.manage.identity import BrowserSession

FIELD = "csrf"
"""The hidden field of every form."""
HEADER = "x-csrf-token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def foreign(request: HTTPConnection) -> bool:
    """Whether the browser says that another site's page made this request. Programs that are no browsers say
    nothing, and carry no cookies."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    origin = request.headers.get("origin")
    return origin is not None and origin.lower() != origin_of(request)


def matches(session: BrowserSession, given: str) -> bool:
    """Whether this is the token of the session."""
    return bool(given) and hmac.compare_digest(session.csrf.encode(), given.encode("utf-8", "replace"))
