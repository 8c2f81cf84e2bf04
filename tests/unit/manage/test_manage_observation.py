"""Sessions within one's reach, samples that thin out, warnings that name their mend."""

from __future__ import annotations

import msgspec
import pytest

from posthouse.manage import measurements, sample_records, warnings
from posthouse.manage.context import Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.measurements import DAY, HOUR, NodeFacts
from posthouse.manage.sessions import Choice, OpenSession
from posthouse.manage.use import perform
from posthouse.manage.warnings import Kept
from posthouse.observe.counters import Counters, total
from posthouse.observe.exposition import exposition

NOW = 1_795_000_000 // DAY * DAY
ROOT = Actor("uid 0 (root)", "test")
ANNA = Actor("anna@a.test", "web", role="user", account="anna@a.test")
ADMIN = Actor("boss@a.test", "web", role="domain", account="boss@a.test", domains=frozenset({"a.test"}))


def session(id: str, account: str, protocol: str = "imap") -> OpenSession:
    return OpenSession(
        id=id, protocol=protocol, peer="192.0.2.1", port=993, tls="TLSv1.3", cipher="x", account=account,
        client="", since=1.0, command="NOOP", received=1, sent=2, worker=0,
    )  # fmt: skip


class Some:
    """Open sessions of a server."""

    def __init__(self) -> None:
        self.open = [
            session("0-1", "anna@a.test"),
            session("0-2", "bert@a.test"),
            session("1-1", "carl@b.test"),
        ]
        self.open.append(session("1-2", "", "smtp"))

    def _meant(self, choice: Choice) -> list[OpenSession]:
        return [one for one in self.open if choice.takes(one.id, one.protocol, one.account)]

    async def find(self, choice: Choice) -> tuple[list[OpenSession], int]:
        found = self._meant(choice)
        return found[: choice.limit], len(found)

    async def dismiss(self, choice: Choice, reason: str) -> list[OpenSession]:
        ended = self._meant(choice)
        self.open = [one for one in self.open if one not in ended]
        return ended


@pytest.mark.parametrize(
    ("actor", "seen"),
    [(ROOT, ["0-1", "0-2", "1-1", "1-2"]), (ADMIN, ["0-1", "0-2"]), (ANNA, ["0-1"])],
    ids=["server", "domain", "user"],
)
async def test_everybody_sees_their_own(context: Context, actor: Actor, seen: list[str]) -> None:
    """And nobody those that have not signed in but the server's administrator."""
    context.sessions = Some()
    found = await perform(context, actor, "session.list", {})
    assert ([one.id for one in found.sessions], found.total) == (seen, len(seen))
    foreign = await perform(context, actor, "session.list", {"account": "carl@b.test"})
    assert foreign.total == (actor is ROOT)


async def test_disconnecting_leaves_an_audit_line(context: Context) -> None:
    """Only within one's reach; what is not there is missing, whoever asks."""
    context.sessions = Some()
    with pytest.raises(ManageError, match=r"no session 1-1"):
        await perform(context, ANNA, "session.disconnect", {"id": "1-1"})
    assert (
        len((await perform(context, ADMIN, "session.disconnect", {"account": "carl@b.test"})).sessions) == 0
    )
    assert [
        one.id for one in (await perform(context, ANNA, "session.disconnect", {"id": "0-1"})).sessions
    ] == ["0-1"]
    lines = (await perform(context, ROOT, "audit.list", {"use": "session.disconnect"})).lines
    assert [(line.actor, line.subject) for line in lines] == [("anna@a.test", "anna@a.test")]
    for wrong in ({}, {"id": "0-1", "account": "a@a.test"}):
        with pytest.raises(ManageError, match="Either"):
            await perform(context, ROOT, "session.disconnect", wrong)


async def test_log_and_metrics_are_the_administrators(context: Context) -> None:
    """A stopped server says so."""
    for use in ("log.tail", "log.watch", "status.metrics"):
        with pytest.raises(ManageError, match="may not"):
            await perform(context, ADMIN, use, {})
        with pytest.raises(ManageError, match="stopped"):
            await perform(context, ROOT, use, {})


async def test_samples_thin_out_with_age(context: Context) -> None:
    """Minutes become means of five minutes after a day and of an hour after a week; what is too old goes. The means
    stay true."""
    database = context.database
    spans = [(NOW - 10 * DAY, 60), (NOW - 2 * DAY, 60), (NOW - HOUR, 60), (NOW - 20 * DAY, 3600)]
    for begin, span in spans:
        rows = [
            {"topic": topic, "at": begin + number * span, "span": span, "value": float(number + 1)}
            for topic in ("cpu", "memory")
            for number in range(60)
        ]
        await database.run(lambda tx, rows=rows: tx.execute_many(sample_records.INSERT, rows))
    for _ in range(40):
        await measurements.thin(database, NOW, 19)

    async def history(hours_ago: float, hours: float, points: int) -> list[tuple[int, float]]:
        since = NOW - hours_ago * HOUR
        wanted = {"topic": "cpu", "since": since, "until": since + hours * HOUR, "points": points}
        found = await perform(context, ROOT, "status.history", wanted)
        return [(int(point.at - since), round(point.value, 3)) for point in found.points]

    assert await history(240, 1, 60) == [(0, 30.5)]
    assert await history(48, 1, 60) == [(number * 300, number * 5 + 3.0) for number in range(12)]
    assert await history(1, 1, 60) == [(number * 60, number + 1.0) for number in range(60)]
    assert await history(1, 1, 2) == [(0, 15.5), (1800, 45.5)]
    left = await history(480, 72, 300)
    assert left[0][0] >= 24 * HOUR - HOUR
    assert len(left) == 60 - 24


async def test_thinning_meets_its_own_mean(context: Context) -> None:
    """A clock set back brings minutes where a mean stands already: the later mean counts, and thinning goes on."""
    database = context.database
    begin = (NOW - 2 * DAY) // 300 * 300
    for value in (1.0, 5.0):
        rows = [
            {"topic": "cpu", "at": begin + number * 60, "span": 60, "value": value}
            for number in range(value == 5.0, 5)
        ]
        await database.run(lambda tx, rows=rows: tx.execute_many(sample_records.INSERT, rows))
        await measurements.thin(database, NOW, 19)
    wanted = {"topic": "cpu", "since": begin, "until": begin + 300, "points": 10}
    found = await perform(context, ROOT, "status.history", wanted)
    assert [point.value for point in found.points] == [5.0]


async def test_a_sample_taken_twice_counts_once(context: Context) -> None:
    """Two nodes, or a job that ran again."""
    for value in (1.0, 2.0):
        await context.database.run(measurements.keep, NOW + 30, {"cpu": value})
    found = await perform(context, ROOT, "status.history", {"topic": "cpu", "since": NOW, "until": NOW + 60})
    assert [(point.at, point.value) for point in found.points] == [(NOW, 2.0)]


@pytest.mark.parametrize("wrong", [{"topic": "x"}, {"topic": "cpu", "since": 5, "until": 4}])
async def test_history_refuses_nonsense(context: Context, wrong: dict[str, object]) -> None:
    """In words."""
    with pytest.raises(ManageError):
        await perform(context, ROOT, "status.history", wrong)


def facts(**changed: object) -> NodeFacts:
    good = NodeFacts(counted={}, processes=[], sessions={}, workers=0, certificate_ends={}, self_made=False)
    return msgspec.structs.replace(good, **changed)


GOOD = Kept(administrators=1, oldest=None, backup_at=NOW - 3600.0)


@pytest.mark.parametrize(
    ("hostname", "kept", "known", "now", "codes"),
    [
        ("mail.example.org", GOOD, facts(), NOW, []),
        ("", GOOD, None, NOW, ["hostname.missing"]),
        ("mailbox", GOOD, None, NOW, ["hostname.unqualified"]),
        ("mail.example.org", GOOD, facts(self_made=True), NOW, ["certificate.self_made"]),
        ("mail.example.org", GOOD, facts(certificate_ends={"a": NOW + 5 * DAY}), NOW, ["certificate.ends"]),
        ("mail.example.org", GOOD, facts(certificate_ends={"a": NOW + 50 * DAY}), NOW, []),
        ("mail.example.org", GOOD, facts(workers=2), NOW, ["workers"]),
        ("a.test", Kept(0, NOW - 5 * HOUR, None), None, NOW, ["queue.old", "administrator.none", "backup.none"]),
        ("mail.example.org", Kept(1, None, NOW - 9.0 * DAY), None, NOW, ["backup.old"]),
        ("mail.example.org", Kept(1, None, 1.0), None, 86400.0, ["clock"]),
    ],
)  # fmt: skip
def test_warnings(
    context: Context, hostname: str, kept: Kept, known: NodeFacts | None, now: float, codes: list[str]
) -> None:
    """Each trouble has a code for programs, words, and a mend."""
    context.config = msgspec.structs.replace(context.config, hostname=hostname)
    found = warnings.warnings_of(context, known, kept, now)
    assert [advice.code for advice in found] == codes
    assert all(advice.what.endswith((".", ":")) and len(advice.mend) > 20 for advice in found)


async def test_status_of_a_stopped_server_warns_too(context: Context) -> None:
    """From the data folder alone."""
    found = await perform(context, ROOT, "status", {})
    assert {"administrator.none", "backup.none"} <= {advice.code for advice in found.warnings}


def test_prometheus_text() -> None:
    """Workers are added up; label values are escaped; every name has its help and unit."""
    one, two = Counters(), Counters()
    one.accepted, two.accepted = 2, 3
    two.connections['a"b\n'] += 4
    text = exposition(total([one.read(), two.read()]), [("disk_free_bytes", "Free.", {"": 5.0}, "")], "1.0")
    lines = text.splitlines()
    assert "posthouse_messages_accepted_total 5.0" in lines
    assert 'posthouse_connections_total{protocol="a\\"b\\n"} 4.0' in lines
    assert "posthouse_disk_free_bytes 5.0" in lines
    named = {line.split()[2] for line in lines if line.startswith("# HELP")}
    assert {line.split()[2] for line in lines if line.startswith("# TYPE")} == named
