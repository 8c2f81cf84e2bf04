"""Sign-in sources: where passwords are judged that are not kept here."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/signin-sources", "source.list", "Sign-in sources", items="sources"),
    Route("POST", "/signin-sources", "source.add", "Sign-in sources", status=201),
    Route("GET", "/signin-sources/{name}", "source.show", "Sign-in sources", etag=True),
    Route("PATCH", "/signin-sources/{name}", "source.change", "Sign-in sources"),
    Route("DELETE", "/signin-sources/{name}", "source.remove", "Sign-in sources"),
    Route("POST", "/signin-sources/{name}/test", "source.test", "Sign-in sources"),
    Route("POST", "/signin-sources/{name}/preview", "source.preview", "Sign-in sources"),
    Route("POST", "/signin-sources/{name}/sync", "source.sync", "Sign-in sources"),
    Route("PUT", "/accounts/{address}/source", "source.assign", "Sign-in sources"),
)
