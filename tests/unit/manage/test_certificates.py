"""The uses of certificates, the files and TLS contexts they become, and coming back when a change is not confirmed."""

from __future__ import annotations

import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from structlog.testing import capture_logs

from posthouse.manage.certificate_desk import CertificateDesk
from posthouse.manage.certificate_keeper import CertificateKeeper
from posthouse.manage.certificate_rows import add, live
from posthouse.manage.context import Context, LiveState
from posthouse.manage.errors import ManageError
from posthouse.net.certificates import SelfMade
from posthouse.net.tls import ServerContexts
from posthouse.settings.config import Listener

Do = Callable[..., Awaitable[Any]]

CA = trustme.CA()


def given(*hosts: str) -> dict[str, str]:
    """The parameters of certificate.add."""
    leaf = CA.issue_cert(*hosts)
    return {"chain": leaf.cert_chain_pems[0].bytes().decode(), "key": leaf.private_key_pem.bytes().decode()}


@pytest.fixture
async def contexts(context: Context) -> ServerContexts:
    """TLS of a server that runs with this context."""
    made = ServerContexts((), SelfMade.of(context.config.data, "mail.example.org"))
    folder = Path(context.config.data) / "tls" / "kept"
    keeper = CertificateKeeper(
        context.database, context.feed, context.settings, made, folder, "mail.example.org"
    )
    context.certificates = CertificateDesk(
        database=context.database,
        feed=context.feed,
        settings=context.settings,
        keeper=keeper,
        listeners=lambda: [Listener(protocol="imap", port=993, tls="implicit")],
        owner="test/0",
    )

    async def running() -> LiveState:
        return LiveState(certificates=made.fingerprints)

    context.live = running
    context.running = True
    return made


async def test_a_given_one_serves_and_comes_back_when_its_successor_is_not_confirmed(
    context: Context, contexts: ServerContexts, do: Do
) -> None:
    own = contexts.fingerprint_for("mail.example.org")
    first = (await do("certificate.add", now=True, **given("mail.example.org")))["certificate"]
    assert first["state"] == "in use"
    assert first["source"] == "given"
    assert contexts.fingerprint_for("mail.example.org") == first["fingerprint"]
    changed = await do("certificate.add", **given("mail.example.org"))
    second = changed["certificate"]
    assert contexts.fingerprint_for("mail.example.org") == second["fingerprint"]
    assert [row["name"] for row in (await do("certificate.list"))["certificates"]] == ["2", "self-made"]
    assert changed["probation"]
    await do("probation.revert", id=changed["probation"])
    assert contexts.fingerprint_for("mail.example.org") == first["fingerprint"]

    removed = await do("certificate.remove", name="mail.example.org")
    assert contexts.fingerprint_for("mail.example.org") == own
    assert not list(
        (Path(context.config.data) / "tls" / "kept").glob("*.pem")
    )  # the key is gone from the disk
    await do("probation.revert", id=removed["probation"])
    assert contexts.fingerprint_for("mail.example.org") == first["fingerprint"]
    lines = str(await do("audit.list"))
    assert "certificate.add" in lines
    assert "PRIVATE KEY" not in lines
    assert "PRIVATE KEY" not in str(await do("certificate.show", name="1"))


async def test_order_of_precedence_and_private_files(
    context: Context, contexts: ServerContexts, do: Do
) -> None:
    """A given certificate comes before an ordered one, the default is the one for the server's own name."""
    ordered = given("a.example.org", "mail.example.org")

    def op(tx: Any) -> int:
        return add(
            tx,
            hosts=("a.example.org", "mail.example.org"),
            kind="acme",
            chain=ordered["chain"],
            secret_key=ordered["key"],
        )

    await context.database.run(op)
    newer = (await do("certificate.add", **given("a.example.org", "*.b.example.org")))["certificate"]
    assert contexts.fingerprint_for("a.example.org") == newer["fingerprint"]
    assert contexts.fingerprint_for("x.b.example.org") == newer["fingerprint"]
    shown = await do("certificate.show", name="1")
    assert contexts.fingerprint == shown["fingerprint"]
    for path in (Path(context.config.data) / "tls" / "kept").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_damaged_one_is_named_and_the_self_made_one_serves(
    context: Context, contexts: ServerContexts, do: Do
) -> None:
    own = contexts.fingerprint
    pem = given("mail.example.org")
    await context.database.run(
        lambda tx: add(
            tx,
            hosts=("mail.example.org",),
            kind="given",
            chain=pem["chain"],
            secret_key=pem["key"].replace("M", "!"),
        )
    )
    assert context.certificates is not None
    with capture_logs() as logs:
        await context.certificates.keeper.load()
    assert any(entry["event"] == "certificate.unusable" for entry in logs)
    assert contexts.fingerprint == contexts.fingerprint_for("mail.example.org") == own
    row = (await do("certificate.list"))["certificates"][0]
    assert row["state"] == "damaged"
    assert "damaged" in row["complaint"]


async def test_the_self_made_one_is_made_anew_and_comes_back(
    context: Context, contexts: ServerContexts, do: Do
) -> None:
    before = contexts.fingerprint
    changed = await do("certificate.self_made")
    assert changed["certificate"]["fingerprint"] != before
    again = await do("certificate.self_made")
    assert again["certificate"]["fingerprint"] != changed["certificate"]["fingerprint"]
    await do("probation.revert", id=changed["probation"])  # the lower of the pile: nothing changes now
    assert (await do("certificate.show", name="self-made"))["fingerprint"] == again["certificate"][
        "fingerprint"
    ]
    await do("probation.revert", id=again["probation"])
    assert (await do("certificate.show", name="self-made"))["fingerprint"] == before


async def test_orders_that_cannot_work_are_refused_before_anything_is_kept(
    context: Context, contexts: ServerContexts, do: Do
) -> None:
    with pytest.raises(ManageError, match="terms of service"):
        await do("certificate.order", hosts=["mail.example.org"])
    await do("setting.set", name="certificates.terms_agreed", value="true")
    from posthouse.directory.live import LiveSettings

    await LiveSettings(context.database, context.feed, context.settings).load()
    with pytest.raises(ManageError, match="no way to prove") as caught:
        await do("certificate.order", hosts=["mail.example.org"])
    assert len(caught.value.problems) == 3
    assert "port 80" in caught.value.problems[0]
    with pytest.raises(ManageError, match="kind of proof"):
        await do("certificate.order", hosts=["mail.example.org"], challenge="dns-02")
    assert await context.database.read(live) == []


async def test_names_that_are_no_stored_certificate(
    context: Context, contexts: ServerContexts, do: Do
) -> None:
    for use in ("certificate.show", "certificate.renew", "certificate.remove"):
        with pytest.raises(ManageError, match="no certificate"):
            await do(use, name="elsewhere.example.org")
    with pytest.raises(ManageError, match="self-made certificate cannot be removed"):
        await do("certificate.remove", name="self-made")
    await do("certificate.add", **given("mail.example.org"))
    with pytest.raises(ManageError, match="was given"):
        await do("certificate.renew", name="mail.example.org")


async def test_stopped_server_orders_nothing(context: Context, do: Do) -> None:
    with pytest.raises(ManageError, match="The server is stopped"):
        await do("certificate.order", hosts=["mail.example.org"])
    added = await do("certificate.add", **given("mail.example.org"))
    assert added["probation"] == 0
    assert added["certificate"]["state"] == "kept"
