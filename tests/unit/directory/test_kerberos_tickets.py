"""Whose address a principal is, what a keytab holds, and tickets as a way to sign in."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hashing import CountingHasher
from hypothesis import given
from hypothesis import strategies as st
from people import people

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database
from posthouse.directory import kerberos as module
from posthouse.directory.contract import SignIn
from posthouse.directory.kerberos import Kerberos, means_the_same, taken_apart
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.net.keytab import Entry, read
from posthouse.settings.contract import CurrentSettings, Settings
from posthouse.settings.kerberos import KEYTAB, REALMS, check_keytab, check_realms
from posthouse.wire.sasl.contract import Challenge, CheckTicket, Work

REALM = "OURS.TEST"


def keytab(*principals: str) -> bytes:
    """A keytab of version 2 with keys that are none."""
    made = b"\x05\x02"
    for principal in principals:
        name, _, realm = principal.partition("@")
        parts = name.split("/")
        entry = struct.pack(">H", len(parts))
        for text in (realm, *parts):
            entry += struct.pack(">H", len(text)) + text.encode()
        entry += struct.pack(">IIBHH", 1, 0, 2, 18, 32) + b"k" * 32
        made += struct.pack(">i", len(entry)) + entry
    return made


def test_what_a_keytab_holds() -> None:
    made = keytab(f"imap/mail@{REALM}", f"imap/mail@{REALM}", f"anna@{REALM}")
    assert read(made) == (Entry("imap", "mail", REALM), Entry("anna", "", REALM))
    hole = struct.pack(">i", -8) + b"\0" * 8
    assert read(made[:2] + hole + made[2:]) == read(made)
    assert read(b"\x05\x02") == ()
    short = b"\x05\x02" + struct.pack(">i", 2) + b"\0\1"
    for bad in (b"", b"\x05\x01", b"-----BEGIN", made[:-1], made[:30], short):
        with pytest.raises(ValueError, match="it "):
            read(bad)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_keytab_or_none(data: bytes) -> None:
    """What is no keytab raises ValueError and nothing else."""
    for each in (data, b"\x05\x02" + data):
        try:
            found = read(each)
        except ValueError:
            continue
        assert all(isinstance(entry, Entry) for entry in found)


@pytest.mark.parametrize(
    ("principal", "parts"),
    [
        (f"anna@{REALM}", ("anna", REALM)),
        (f"imap/mail@{REALM}", ("", "")),
        (f"anna/admin@{REALM}", ("", "")),
        (f"anna\\@other@{REALM}", ("", "")),
        (f"anna\\/admin@{REALM}", ("", "")),
        (f"@{REALM}", ("", "")),
        ("anna", ("", "")),
        ("anna@", ("", "")),
        ("", ("", "")),
        (f"an\nna@{REALM}", ("", "")),
    ],
)
def test_principals_of_people(principal: str, parts: tuple[str, str]) -> None:
    assert taken_apart(principal) == parts


def test_whom_a_client_may_name() -> None:
    address = "anna@ours.test"
    for good in ("", "anna", f"anna@{REALM}", address, "Anna@Ours.Test"):
        assert means_the_same(good, f"anna@{REALM}", address), good
    for bad in ("bert", "an", "anna@other.test", "anna@OTHER.REALM", "ann a", "*"):
        assert not means_the_same(bad, f"anna@{REALM}", address), bad


def test_settings_that_cannot_be() -> None:
    assert check_keytab("") == check_realms("") == check_realms("A.TEST=a.test, B.TEST=b.test") == ""
    for bad in ("mail.keytab", "/etc/mail\n.keytab"):
        assert check_keytab(bad)
    for bad in ("A.TEST", "A.TEST=", "=a.test", "A.TEST=x@a.test", "A@B=c", " ".join(["A.T=a.t"] * 51)):
        assert check_realms(bad), bad


@dataclass
class Scene:
    settings: CurrentSettings
    kerberos: Kerberos
    service: DirectoryService
    path: Path

    async def keep(self, data: bytes | None) -> None:
        if data is None:
            self.path.unlink()
        else:
            self.path.write_bytes(data)
        await self.kerberos.look()

    def set(self, **values: Any) -> None:
        self.settings.now = Settings({KEYTAB.name: str(self.path), **values})

    async def shown(self, principal: str, authzid: str = "", **more: Any) -> SignIn:
        ticket = CheckTicket(principal, authzid, **more)
        return await self.service.sign_in_ticket(ticket, peer="192.0.2.1", protocol="imap")


@pytest_asyncio.fixture
async def scene(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    monkeypatch.setattr(module, "unusable", lambda: "")
    await people(sqlite_database)
    settings = CurrentSettings()
    service = DirectoryService(sqlite_database, LocalFeed(), settings, Passwords(2, CountingHasher()))
    kerberos = Kerberos(settings, tmp_path / "replays")
    service.kerberos = kerberos
    made = Scene(settings, kerberos, service, tmp_path / "mail.keytab")
    made.set()
    await made.keep(keytab(f"imap/mail@{REALM}", f"smtp/mail@{REALM}"))
    yield made
    kerberos.close()
    service.close()


async def test_it_is_offered_by_what_the_keytab_holds(scene: Scene) -> None:
    """By service; a keytab that is replaced, spoilt, removed or not named any more counts at the next look."""
    kerberos = scene.kerberos
    assert all(kerberos.tickets(each) for each in ("imap", "submission", "smtp"))
    assert kerberos.tickets("pop3") is kerberos.tickets("lmtp") is None
    assert (kerberos.missing(), kerberos.trouble) == (["pop"], "")
    await scene.keep(keytab(f"pop/mail.ours.test@{REALM}"))
    assert kerberos.tickets("pop3")
    assert kerberos.tickets("imap") is None
    await scene.keep(keytab(f"host/mail@{REALM}"))
    assert kerberos.trouble == "it holds no key of imap, pop or smtp"
    await scene.keep(b"nonsense, long enough")
    assert "no keytab" in kerberos.trouble
    await scene.keep(None)
    assert kerberos.trouble == "No such file or directory"
    assert kerberos.tickets("pop3") is None
    scene.settings.now = Settings({})
    await kerberos.look()
    assert kerberos.trouble == ""
    other = Kerberos(scene.settings, scene.path)
    scene.set()
    await other.look()
    assert other.trouble == "No such file or directory"
    other.close()


async def test_without_the_extra_nothing_is_offered(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "unusable", lambda: "the extra kerberos is not installed")
    await scene.keep(keytab(f"imap/a@{REALM}"))
    assert scene.kerberos.tickets("imap") is None
    assert "extra" in scene.kerberos.trouble


async def test_whose_account_a_ticket_opens(scene: Scene) -> None:
    """By the keytab's realm, or by those that are named and no other."""
    found = await scene.shown(f"alice@{REALM}")
    assert found.account is not None
    assert found.account.address == "alice@ours.test"
    for principal in ("alice@OTHER.TEST", f"imap/mail@{REALM}", f"nobody@{REALM}", "alice", ""):
        assert (await scene.shown(principal)).account is None, principal
    scene.set(**{REALMS.name: "AD.OTHER.TEST=ours.test"})
    assert (await scene.shown("alice@AD.OTHER.TEST")).account == found.account
    assert (await scene.shown("alice@ad.other.test")).account is None
    assert (await scene.shown(f"alice@{REALM}")).account is None


async def test_a_ticket_opens_no_other_account(scene: Scene) -> None:
    assert (await scene.shown(f"alice@{REALM}", "alice@ours.test")).account is not None
    refused = await scene.shown(f"alice@{REALM}", "bob@ours.test")
    assert (refused.account, refused.reason) == (None, "the ticket is somebody else's")


async def test_refusals_count_and_troubles_of_ours_do_not(scene: Scene) -> None:
    failed: list[tuple[str, str]] = []

    class Guard:
        def failed(self, login: str, peer: str, protocol: str, reason: str) -> None:
            failed.append((login, reason))

        def refused(self, account: object, peer: str, protocol: str) -> str:
            return ""

    scene.service.guard = Guard()
    away = await scene.shown("", reason="the keytab cannot be used", temporary=True)
    assert away.temporary
    assert failed == []
    assert not (await scene.shown("", reason="Request is a replay")).temporary
    assert failed == [("", "ticket: Request is a replay")]


async def test_steps_run_in_threads_and_have_an_end(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is slow, or breaks, is a temporary trouble; and so are more steps than can wait."""
    kerberos = scene.kerberos
    here = threading.get_ident()
    assert await kerberos.carry(
        Work(lambda: Challenge(b"" if threading.get_ident() == here else b"there"))
    ) == (Challenge(b"there"))

    def broken() -> Challenge:
        raise OSError("gone")

    step = await kerberos.carry(Work(broken))
    assert isinstance(step, CheckTicket)
    assert step.temporary
    monkeypatch.setattr(module, "STEP_SECONDS", 0.01)
    monkeypatch.setattr(module, "MOST_WAITING", 1)
    go_on = threading.Event()
    slow = asyncio.ensure_future(kerberos.carry(Work(lambda: Challenge(b"late" if go_on.wait(30) else b""))))
    await asyncio.sleep(0)
    more = await kerberos.carry(Work(lambda: Challenge(b"")))
    assert more == CheckTicket("", reason="too many tickets wait to be checked", temporary=True)
    late = await slow
    go_on.set()
    assert isinstance(late, CheckTicket)
    assert late.temporary
