"""The LDAP client against a server that says what nobody should say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sansldap import LDAPFilter

from posthouse.net import ldap
from posthouse.net.ldap import (
    LdapConnection,
    LdapUnavailable,
    LdapUrl,
    client_context,
    escape_dn,
    escape_filter,
)

BOUND = bytes.fromhex("300c02010161070a010004000400")
START_TLS_OK = bytes.fromhex("300c02010178070a010004000400")
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], "asyncio.Future[None] | object"]


@asynccontextmanager
async def serving(*answers: bytes, linger: bool = False) -> AsyncIterator[LdapUrl]:
    """A server that answers whatever it hears with these, one after the other, and closes."""
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for answer in answers:
                await reader.read(65536)
                writer.write(answer)
                await writer.drain()
            if linger:
                await done.wait()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield LdapUrl("127.0.0.1", server.sockets[0].getsockname()[1], False)
    finally:
        done.set()
        server.close()


async def bind(url: LdapUrl, seconds: float = 5.0) -> int:
    line = await LdapConnection.open(url, None, seconds=seconds)
    try:
        return (await line.bind("cn=x", "secret")).code
    finally:
        line.abort()


async def test_a_bind_that_is_good() -> None:
    async with serving(BOUND) as url:
        assert await bind(url) == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n",
        BOUND[:6],
        bytes.fromhex("3080"),
        bytes.fromhex("3084ffffffff"),
        bytes.fromhex("30890000000000000000ff"),
        bytes.fromhex("3000"),
        bytes.fromhex("300c02010961070a010004000400"),  # the answer to a question nobody asked
        bytes.fromhex("300c02010161ff0a010004000400"),
        bytes.fromhex("300c020101617f0a010004000400"),
        bytes.fromhex("300c02010161070a01000480ffff"),
        bytes.fromhex("300c02010142070a010004000400"),
        bytes.fromhex("300c02010178070a010004000400"),  # an extended response to a bind
        bytes.fromhex("3005020101420030"),
        b"\x30\x82\x20\x00" + b"\x30\x80" * 4096,
        b"\x30\x82\x20\x00" + b"\xff" * 8192,
    ],
)
async def test_nonsense_is_no_sign_in_and_no_traceback(answer: bytes) -> None:
    async with serving(answer) as url:
        with pytest.raises(LdapUnavailable):
            await bind(url)


async def test_a_server_that_says_nothing_is_left() -> None:
    async with serving(b"", linger=True) as url:
        with pytest.raises(LdapUnavailable, match="in time"):
            await bind(url, seconds=0.2)


async def test_an_endless_answer_is_not_kept() -> None:
    async with serving(b"\x30\x84" + (ldap.MAX_MESSAGE + 1).to_bytes(4, "big") + b"x" * 4096) as url:
        with pytest.raises(LdapUnavailable, match="message of"):
            await bind(url)


@pytest.mark.parametrize(("name", "password"), [("cn=x", ""), ("", "secret")])
async def test_an_empty_password_never_leaves(name: str, password: str) -> None:
    async with serving(BOUND) as url:
        line = await LdapConnection.open(url, None)
        with pytest.raises(ValueError, match="proves nothing"):
            await line.bind(name, password)
        line.abort()


async def test_what_is_said_before_tls_counts_for_nothing() -> None:
    forged = bytes.fromhex("300c02010261070a010004000400")
    async with serving(START_TLS_OK + forged, linger=True) as url:
        with pytest.raises(LdapUnavailable, match="before TLS"):
            await LdapConnection.open(url, client_context())
    declined = bytes.fromhex("300c02010178070a013404000400")
    async with serving(declined) as url:
        with pytest.raises(LdapUnavailable, match="StartTLS"):
            await LdapConnection.open(url, client_context())


async def test_a_referral_is_not_followed() -> None:
    referral = bytes.fromhex("300c02010161070a010a04000400")
    async with serving(referral) as url:
        assert await bind(url) == 10


@given(st.text(max_size=40))
def test_what_people_type_is_a_value_and_nothing_else(text: str) -> None:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return
    if raw:
        made = LDAPFilter.from_string(f"(&(uid={escape_filter(text)})(objectClass=person))")
        assert made.filters[0].value == raw  # type: ignore[attr-defined]
    assert not set('\\,+"<>;=#\0 ') & set(escape_dn(text).replace("\\", "", 99)) - set()


@pytest.mark.parametrize(
    "text", ["http://x", "ldap://", "ldaps://x/dc=y", "ldap://u:p@x", "x", "ldaps://x:99999"]
)
def test_what_is_no_server(text: str) -> None:
    with pytest.raises(ValueError):
        ldap.parse_url(text)
