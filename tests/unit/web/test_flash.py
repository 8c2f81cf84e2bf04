"""A text shown once is written by us, for this session."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from posthouse.web import flash


def _cookie(answer: Response) -> str:
    return answer.headers["set-cookie"].partition(";")[0].partition("=")[2]


def _request(value: str) -> Request:
    header = f"{flash.NAME}={value}".encode()
    return Request({"type": "http", "headers": [(b"cookie", header)]})


def test_it_comes_back() -> None:
    answer = Response()
    flash.put(answer, "secret", "Größe <b>geändert</b>", "good", secure=True)
    assert "Secure" in answer.headers["set-cookie"]
    assert "HttpOnly" in answer.headers["set-cookie"]
    found = flash.take(_request(_cookie(answer)), "secret")
    assert found == flash.Flash("good", "Größe <b>geändert</b>")


def test_nobody_else_writes_it() -> None:
    answer = Response()
    flash.put(answer, "secret", "text", "good", secure=False)
    value = _cookie(answer)
    assert flash.take(_request(value), "another session") is None
    for bad in ("", ".", value[:-1], "e30=." + value.partition(".")[2], "\xe4.\xf6"):
        assert flash.take(_request(bad), "secret") is None
