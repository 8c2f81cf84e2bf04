"""TLS to other servers, as an administrator sees it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from dns_server import DnsServer

from posthouse.database.contract import Transaction
from posthouse.deliver.remote.mta_sts import StsPolicy
from posthouse.deliver.remote.mta_sts_store import Sts
from posthouse.deliver.remote.mta_sts_store import _write as write_policy
from posthouse.deliver.remote.tls_memory import TlsMemory
from posthouse.deliver.remote.tls_report_read import Received
from posthouse.deliver.remote.tls_report_read import _keep as keep_report
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.manage.warnings import read_kept, warnings_of

Do = Callable[..., Awaitable[Any]]


async def remember(context: Context) -> None:
    """Three domains; one of them fell from encrypted to none, one has a policy."""
    memory = TlsMemory(context.database, context.settings)
    memory.note("fallen.test", "mail.fallen.test", 1, tls="TLSv1.3", source="", trouble="")
    memory.note("fallen.test", "mail.fallen.test", 0, tls="", source="", trouble="")
    memory.note("good.test", "mx.good.test", 2, tls="TLSv1.3", source="mta-sts", trouble="")
    memory.note("bad_one.test", "mx.test", -1, tls="", source="mta-sts", trouble="certificate-expired")
    await memory.flush()
    policy = StsPolicy("enforce", ("mx.good.test",), 86400, "one", time.time())
    await context.database.run(write_policy, "good.test", Sts(policy, tried_at=time.time()))


async def test_what_is_known_of_domains(context: Context, do: Do) -> None:
    """By name, by search in name and host, page by page."""
    await remember(context)
    found = await do("tls.domains")
    assert [each["domain"] for each in found["domains"]] == ["bad_one.test", "fallen.test", "good.test"]
    bad, fallen, good = found["domains"]
    assert (bad["trouble"], bad["trouble_host"], bad["bad"]) == ("certificate-expired", "mx.test", 1)
    assert (fallen["best"], fallen["last"], good["best"]) == ("encrypted", "none", "verified")
    assert fallen["downgraded_at"] > 0
    assert good["downgraded_at"] == 0
    assert (good["sts_mode"], good["source"], good["version"]) == ("enforce", "mta-sts", "TLSv1.3")
    assert [each["domain"] for each in (await do("tls.domains", search="MX.good"))["domains"]] == [
        "good.test"
    ]
    assert (await do("tls.domains", search="bad%one"))["total"] == 0
    first = await do("tls.domains", limit=2)
    assert (first["next"], first["total"]) == ("fallen.test", 3)
    rest = await do("tls.domains", limit=2, after=first["next"])
    assert [each["domain"] for each in rest["domains"]] == ["good.test"]
    assert rest["next"] == ""


async def test_forgetting(context: Context, do: Do) -> None:
    """Memory and policy both; what is not known is said."""
    await remember(context)
    assert (await do("tls.forget", domain="GOOD.test."))["domain"] == "good.test"
    assert (await do("tls.domains", search="good"))["total"] == 0
    for wrong in ("good.test", "no domain", ""):
        with pytest.raises(ManageError):
            await do("tls.forget", domain=wrong)


async def test_a_downgrade_is_a_warning(context: Context) -> None:
    """With the domain's name, and where it is seen."""
    await remember(context)
    kept = await context.database.read(read_kept)
    found = [each for each in warnings_of(context, None, kept, time.time()) if each.code == "tls.downgraded"]
    assert len(found) == 1
    assert "fallen.test" in found[0].what
    assert "good.test" not in found[0].what


async def test_what_would_be_demanded(context: Context, do: Do) -> None:
    """Host by host with the reasons; without hosts, why."""
    zone = "there.test. MX 10 mail.there.test.\nmail.there.test. A 192.0.2.1\nnull.test. MX 0 ."
    with DnsServer(zone) as dns:
        context.settings.now = context.settings.now.over({"dns.servers": dns.place})
        found = await do("tls.policy", domain="There.test")
        (host,) = found["hosts"]
        assert (host["host"], host["preference"], host["level"]) == ("mail.there.test", 10, "may")
        assert host["addresses"] == ["192.0.2.1"]
        assert [step["name"] for step in host["steps"]] == ["dane", "mta-sts", "setting"]
        found = await do("tls.policy", domain="null.test")
        assert found["hosts"] == []
        assert "5.1.10" in found["trouble"]
    with pytest.raises(ManageError):
        await do("tls.policy", domain="no domain")


async def test_reports_of_others(context: Context, do: Do) -> None:
    """Newest first, with what failed."""

    def op(tx: Transaction) -> None:
        for number in range(3):
            detail = {"policy": "sts", "result": "certificate-expired", "host": "us.test", "count": 2}
            report = Received("own.test", f"Them {number}", "", f"r{number}", 1.0, 2.0, 5, 2, [detail])
            assert keep_report(tx, [report], 100.0 + number, 100)

    await context.database.run(op)
    found = await do("tls.reports", limit=2)
    assert [each["organisation"] for each in found["reports"]] == ["Them 2", "Them 1"]
    assert found["reports"][0]["failures"][0]["result"] == "certificate-expired"
    rest = await do("tls.reports", limit=2, after=found["next"])
    assert [each["organisation"] for each in rest["reports"]] == ["Them 0"]
    assert (await do("tls.reports", search="them 1"))["total"] == 1
    with pytest.raises(ManageError):
        await do("tls.reports", after="x")
