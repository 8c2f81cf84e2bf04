"""Signing in at a remote: each mechanism, its failures, and that the secret stays one."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pytest
import scramp
from smtp_peer import Peer
from test_remote_session import at, send, states

from posthouse.deliver.remote.contract import ConnectFailed
from posthouse.deliver.remote.sign_in import hide
from posthouse.route.contract import Credentials

SECRET = "s3cret-pässword"


class Scram:
    """The server's side of SCRAM, by lines."""

    def __init__(self, mechanism: str, password: str = SECRET, *, proves: bool = True) -> None:
        made = scramp.ScramMechanism(mechanism)
        salt, stored, server, count = made.make_auth_info(password, iteration_count=4096)
        self.server = made.make_server(lambda _: (salt, stored, server, count))
        self.proves = proves
        self.step = 0

    def __call__(self, line: str) -> str:
        self.step += 1
        word = line.rpartition(" ")[2]
        if self.step == 1:
            self.server.set_client_first(b64decode(word).decode())
            return "334 " + b64encode(self.server.get_server_first().encode()).decode()
        if self.step == 2:
            try:
                self.server.set_client_final(b64decode(word).decode())
            except scramp.ScramException:
                return "535 5.7.8 no"
            if not self.proves:
                return "235 2.7.0 welcome anyway"
            return "334 " + b64encode(self.server.get_server_final().encode()).decode()
        return "235 2.7.0 welcome"


class Steps(dict[str, Any]):
    """Answers AUTH, and the lines after it, by one function."""

    def __init__(self, auth: Any) -> None:
        super().__init__()
        self.auth = auth
        self.open = False

    def get(self, key: str, otherwise: Any = None) -> Any:
        if key == "AUTH" or self.open:

            def answer(line: str) -> str:
                said = str(self.auth(line))
                self.open = said.startswith("334")
                return said

            return answer
        return otherwise


async def sign(mechanisms: str, auth: Any, wanted: str = "", password: str = SECRET, **call: Any) -> Peer:
    """One message over a session that signs in."""
    peer = Peer((f"AUTH {mechanisms}", "PIPELINING"), Steps(auth))
    async with at(peer) as made:
        credentials = Credentials("user", password, wanted)  # type: ignore[arg-type]
        assert states(await send(made, peer, credentials=credentials, **call)) == ["relayed"]
    return peer


def plain(line: str) -> str:
    good = "AUTH PLAIN " + b64encode(f"\0user\0{SECRET}".encode()).decode()
    return "235 2.7.0 welcome" if line == good else f"535 5.7.8 no: {line}"


async def test_plain() -> None:
    await sign("PLAIN", plain)


async def test_login() -> None:
    heard: list[str] = []

    def login(line: str) -> str:
        heard.append(line)
        return ("334 VXNlcm5hbWU6", "334 this is no base64", "235 ok")[len(heard) - 1]

    await sign("LOGIN", login)
    assert heard[0] == "AUTH LOGIN"
    assert [b64decode(line).decode() for line in heard[1:]] == ["user", SECRET]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-1"])
async def test_scram_comes_first(mechanism: str) -> None:
    peer = await sign(f"PLAIN LOGIN {mechanism}", Scram(mechanism))
    assert any(line.startswith(f"AUTH {mechanism} ") for line in peer.commands)


async def test_a_named_mechanism() -> None:
    await sign("SCRAM-SHA-256 PLAIN", plain, "PLAIN")
    with pytest.raises(ConnectFailed, match=r"no way to do so.*SCRAM-SHA-256"):
        await sign("SCRAM-SHA-256", plain, "PLAIN")


async def test_xoauth2() -> None:
    def good(line: str) -> str:
        got = b64decode(line.split()[-1]).decode()
        return "235 ok" if got == f"user=user\x01auth=Bearer {SECRET}\x01\x01" else "535 no"

    await sign("PLAIN XOAUTH2", good, "XOAUTH2")

    heard: list[str] = []

    def expired(line: str) -> str:
        heard.append(line)
        return "334 eyJzdGF0dXMiOiI0MDEifQ==" if len(heard) == 1 else "535 5.7.8 token expired"

    with pytest.raises(ConnectFailed, match="token expired"):
        await sign("XOAUTH2", expired, "XOAUTH2")
    assert heard[1] == ""


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("535 5.7.8 wrong", 454),
        ("454 4.7.0 later", 454),
        ("421 bye", 421),
        ("500 what", 454),
        ("250 hm", 454),
    ],
)
async def test_a_refusal_is_temporary_and_keeps_the_secret(answer: str, code: int) -> None:
    shown = b64encode(f"\0user\0{SECRET}".encode()).decode()
    with pytest.raises(ConnectFailed) as failure:
        await sign("PLAIN", lambda _: f"{answer} {SECRET} {shown}")
    said = failure.value.said
    assert (said.code, said.status, said.stage) == (code, "4.7.8", "AUTH")
    assert SECRET not in str(failure.value)
    assert shown not in str(failure.value)
    assert "***" in said.text


async def test_a_server_that_does_not_know_the_password() -> None:
    with pytest.raises(ConnectFailed, match="did not prove"):
        await sign("SCRAM-SHA-256", Scram("SCRAM-SHA-256", proves=False))
    with pytest.raises(ConnectFailed, match=r"535"):
        await sign("SCRAM-SHA-256", Scram("SCRAM-SHA-256", "another"))


@pytest.mark.parametrize(
    "challenge",
    ["!!!", "", "cj14", b64encode(b"r=x,s=eA==,i=99999999999").decode(), b64encode(b"\xff").decode()],
)
async def test_scram_with_nonsense(challenge: str) -> None:
    heard: list[str] = []

    def answer(line: str) -> str:
        heard.append(line)
        return f"334 {challenge}" if len(heard) == 1 else "501 cancelled"

    with pytest.raises(ConnectFailed, match="sign in"):
        await sign("SCRAM-SHA-256", answer)
    assert heard[1] == "*"


async def test_a_server_that_asks_and_asks() -> None:
    with pytest.raises(ConnectFailed, match="asks and asks"):
        await sign("PLAIN", lambda _: "334 ")


async def test_never_in_clear_text_over_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posthouse.deliver.remote.sign_in.is_near", lambda _: False)
    heard: list[str] = []
    with pytest.raises(ConnectFailed, match="not encrypted"):
        await sign("PLAIN", heard.append)
    assert not heard


def test_hiding() -> None:
    assert hide("nothing", Credentials("u", "")) == "nothing"
    assert "Credentials(user='u'" in repr(Credentials("u", SECRET))
    assert SECRET not in repr(Credentials("u", SECRET))
