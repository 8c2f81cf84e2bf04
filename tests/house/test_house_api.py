"""Every use is reachable by API, or it is written here why not; and the OpenAPI document is one."""

from __future__ import annotations

from openapi_spec_validator import validate

from posthouse.api.openapi import describe
from posthouse.api.table import every_route
from posthouse.manage.use import uses

NOT_BY_API: dict[str, str] = {
    "demo.prepare": "fills an empty server for `serve --demo`, before anybody could hold a token",
    "identity.link": "makes a sign-in for whoever asks: only for who may use the control socket",
    "setup.link": "the same, for a server that nobody has set up yet",
}
"""Uses without a route, and why."""


def test_every_use_has_a_route_or_a_reason() -> None:
    """What the program can do can be scripted."""
    routed = {route.use for route in every_route()}
    missing = set(uses()) - routed - set(NOT_BY_API)
    assert not missing, f"no route in src/posthouse/api/routes: {sorted(missing)}"
    assert not routed & set(NOT_BY_API), "has a route and a reason to have none"
    assert all(name in uses() for name in NOT_BY_API), "exempted, but there is no such use"


def test_changes_are_no_gets() -> None:
    """Looking is GET (a stream may be POST); what changes anything is not."""
    for route in every_route():
        right = uses()[route.use].right
        assert right in ("view", "read_mail") or route.method != "GET", f"GET {route.path} changes something"


def test_the_document_is_valid_and_says_what_each_call_does() -> None:
    """By the letter of OpenAPI 3.1, and readable."""
    document = describe()
    validate(document)
    ids = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], f"{method} {path}"
            assert "``" not in operation["description"], f"{method} {path}"
            ids.append(operation["operationId"])
    assert len(ids) == len(set(ids)) == len(every_route())
    for name, schema in document["components"]["schemas"].items():
        assert "." not in name, f"{name}: two results have the same name, give one another"
        assert schema.get("description") or "enum" in schema, f"{name} has no docstring"
