"""TLS to other servers in the browser and the API, with something to show."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from dns_server import DnsServer
from http_world import ROOT, World, empty, world

from posthouse.database.contract import Transaction
from posthouse.deliver.remote import tls_report_read
from posthouse.deliver.remote.mta_sts_store import Sts, StsPolicies
from posthouse.deliver.remote.tls_memory import TlsMemory
from posthouse.deliver.remote.tls_report_read import Received
from posthouse.settings.contract import CurrentSettings

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty(tmp_path_factory.mktemp("tls") / "empty")


@pytest_asyncio.fixture
async def place(template: Path, tmp_path: Path) -> AsyncIterator[World]:
    with DnsServer("there.test. MX 10 mail.there.test.\nmail.there.test. A 192.0.2.1") as dns:
        async with world(template, tmp_path, **{"dns.servers": dns.place}) as made:
            await fill(made)
            yield made


async def fill(place: World) -> None:
    """Two domains, one of them fallen; a failed policy; a report by somebody hostile."""
    context = place.context
    memory = TlsMemory(context.database, CurrentSettings())
    memory.note("there.test", "mail.there.test", 1, tls="TLSv1.3", source="", trouble="")
    memory.note("there.test", "mail.there.test", 0, tls="", source="", trouble="validation-failure")
    memory.note("other.test", "mx.other.test", 2, tls="TLSv1.3", source="dane", trouble="")
    await memory.flush()
    policies = StsPolicies(context.database, None, None)  # type: ignore[arg-type]
    trouble = Sts(None, "sts-policy-invalid", f"the policy is {HOSTILE}", time.time(), time.time())
    await policies._write("there.test", trouble)

    def op(tx: Transaction) -> None:
        detail = {"policy": "sts", "result": HOSTILE, "host": HOSTILE, "count": 7, "more": HOSTILE}
        report = Received("own.example", HOSTILE, HOSTILE, "r1", 1.0, 2.0, 5, 7, [detail])
        assert tls_report_read._keep(tx, [report], time.time(), 10)

    await context.database.run(op)


async def test_pages(place: World) -> None:
    """Lists, what is demanded, reports; strangers' words are shown as words; forgetting forgets."""
    root = await place.sign_in(ROOT)
    listed = (await place.ask("GET", "/admin/tls", root)).body.decode()
    assert "there.test" in listed
    assert "less than before" in listed
    assert "encrypted" in listed
    assert "dane" in listed
    found = (await place.ask("GET", "/admin/tls?search=mx.other", root)).body.decode()
    assert "other.test" in found
    assert "there.test" not in found
    demanded = (await place.ask("GET", "/admin/tls/policy?domain=there.test", root)).body.decode()
    assert "mail.there.test" in demanded
    assert "192.0.2.1" in demanded
    assert "TLS if it is offered" in demanded
    nowhere = (await place.ask("GET", "/admin/tls/policy?domain=nowhere.test", root)).body.decode()
    assert "5.1.2" in nowhere
    wrong = await place.ask("GET", "/admin/tls/policy?domain=no%20domain", root)
    assert wrong.status < 500
    assert "is no domain" in wrong.body.decode()
    reports = (await place.ask("GET", "/admin/tls/reports", root)).body.decode()
    assert "own.example" in reports
    for shown in (listed, reports):
        assert "&lt;script&gt;" in shown
        assert HOSTILE not in shown
    gone = await place.post("/admin/tls/forget", {"domain": "there.test"}, root)
    assert gone.status == 303
    assert "less than before" not in (await place.ask("GET", "/admin/tls", root)).body.decode()


async def test_api(place: World) -> None:
    """The same for programs."""
    token = await place.token(ROOT, "view", "change")
    listed = json.loads((await place.ask("GET", "/api/v1/tls/domains", token)).body)
    assert [each["domain"] for each in listed["domains"]] == ["other.test", "there.test"]
    demanded = json.loads((await place.ask("GET", "/api/v1/tls/domains/there.test", token)).body)
    assert demanded["hosts"][0]["level"] == "may"
    reports = json.loads((await place.ask("GET", "/api/v1/tls/reports", token)).body)
    assert reports["reports"][0]["failures"][0]["count"] == 7
    assert (await place.ask("DELETE", "/api/v1/tls/domains/there.test", token)).status < 300
    assert (await place.ask("DELETE", "/api/v1/tls/domains/there.test", token)).status == 404
