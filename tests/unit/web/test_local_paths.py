"""Only paths of our own are gone on to."""

from __future__ import annotations

import pytest

from posthouse.web.local import local_path


@pytest.mark.parametrize("path", ["/", "/admin", "/admin/accounts?search=a%2Fb&page=2", "/me#x", "/a//b"])
def test_ours(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "admin",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " /admin",
        "https://evil.example/",
        "javascript:alert(1)",
        "/\x00",
        "/" + "a" * 2000,
        "//[evil",
    ],
)
def test_not_ours(path: str) -> None:
    assert local_path(path) == ""
