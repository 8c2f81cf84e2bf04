"""Set-up."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/setup", "setup.state", "Set-up"),
    Route("POST", "/setup/begin", "setup.begin", "Set-up"),
    Route("POST", "/setup/name", "setup.name", "Set-up"),
    Route("POST", "/setup/check", "setup.check", "Set-up", stream=True),
    Route("POST", "/setup/finish", "setup.finish", "Set-up"),
    Route("POST", "/setup/test-message", "setup.test_message", "Set-up"),
    Route("POST", "/setup/outward", "setup.outward", "Set-up"),
    Route("GET", "/setup/outward", "setup.outward_state", "Set-up"),
    Route("GET", "/setup/todo", "setup.todo", "Set-up"),
    Route("POST", "/setup/dismiss", "setup.dismiss", "Set-up"),
)
