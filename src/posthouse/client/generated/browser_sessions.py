"""Browser sessions. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from posthouse.client.generated.shared import Browser, Browsers
from posthouse.client.topic import Topic, given, path_of


class BrowserSessionsCalls(Topic):
    """Calls of the topic Browser sessions."""

    def identity_sessions(self, *, address: str | None = None) -> Browsers:
        """List the signed-in browsers of the accounts you look after, at most the thousand used last. Right:
        view."""
        return self._link.ask(
            "GET", "/browser-sessions", Browsers, query=given({}, ("address", address, None))
        )

    def identity_session_end(self, id: int) -> Browser:
        """Sign a browser out, of any account you look after. Right: change."""
        return self._link.ask("DELETE", path_of("/browser-sessions/{}", id), Browser)
