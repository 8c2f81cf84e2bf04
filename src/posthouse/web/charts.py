"""Measurements over time as charts: which there are, what they read, and how they are told in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from markupsafe import Markup

from posthouse.web.language import mark
from posthouse.web.plot import Frame, Points, ceiling, plot

if TYPE_CHECKING:
    from posthouse.web.visit import Visit

Unit = Literal["number", "size", "span", "percent"]

POINTS = 120
ROWS = 24
"""Rows of the table beside a plot, at most."""
GAP = 2.5
"""Stretches without a measurement that are taken for a hole."""

RANGES: dict[str, tuple[str, int]] = {
    "hour": (mark("Hour"), 3600),
    "day": (mark("Day"), 86400),
    "week": (mark("Week"), 7 * 86400),
    "month": (mark("Month"), 30 * 86400),
    "year": (mark("Year"), 365 * 86400),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One chart: its heading, the unit of its values, and a name for each measurement it shows."""

    id: str
    title: str
    unit: Unit
    topics: dict[str, str]


MESSAGES = Kind(
    "messages",
    mark("Messages a minute"),
    "number",
    {
        "messages.accepted": mark("received"),
        "messages.delivered": mark("delivered"),
        "messages.refused": mark("refused"),
    },
)
SENDING = Kind(
    "sending",
    mark("Mail to other servers, recipients a minute"),
    "number",
    {
        "messages.sent": mark("sent"),
        "messages.deferred": mark("put off"),
        "messages.failed": mark("failed"),
    },
)
KINDS = (
    MESSAGES,
    SENDING,
    Kind(
        "sessions",
        mark("Open sessions"),
        "number",
        {
            "sessions.imap": "IMAP",
            "sessions.submission": "Submission",
            "sessions.smtp": "SMTP",
            "sessions.pop3": "POP3",
        },
    ),
    Kind("queue", mark("Messages in the queue"), "number", {"queue.messages": mark("messages")}),
    Kind("age", mark("Age of the oldest message in the queue"), "span", {"queue.age": mark("age")}),
    Kind(
        "strangers",
        mark("Connections and failed sign-ins a minute"),
        "number",
        {"connections": mark("connections"), "signin.failures": mark("failed sign-ins")},
    ),
    Kind("disk", mark("Free on the disk"), "size", {"disk.free": mark("free")}),
    Kind("cpu", mark("Processor, in percent of one core"), "percent", {"cpu": mark("used")}),
    Kind("memory", mark("Memory of all workers"), "size", {"memory": mark("used")}),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One measurement of a chart. ``last`` and ``highest`` are None where nothing was measured."""

    name: str
    points: Points
    last: str = ""
    highest: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as the template shows it. ``rows``: the moment and one text for each line."""

    id: str
    title: str
    lines: list[Line]
    drawing: Markup
    top: str
    since: float
    until: float
    rows: list[tuple[float, list[str]]]

    @property
    def empty(self) -> bool:
        """Whether nothing was measured in this time."""
        return not any(line.points for line in self.lines)


async def read(visit: Visit, kind: Kind, seconds: int) -> Chart:
    """The chart of the last ``seconds``."""
    until = visit.now
    since = until - seconds
    width, lines = 60.0, []
    for topic, name in kind.topics.items():
        wanted = {"topic": topic, "since": since, "until": until, "points": POINTS}
        found = await visit.perform("status.history", wanted)
        width = found.width
        points = [(min(until, point.at + width / 2), point.value) for point in found.points]
        lines.append(_line(visit, kind.unit, visit.t(name), points))
    highest = max((y for line in lines for _, y in line.points), default=0.0)
    frame = Frame(since, until, ceiling(highest, binary=kind.unit == "size"), width * GAP)
    title = visit.t(kind.title)
    drawing = plot(
        f"chart-{kind.id}", frame, [line.points for line in lines], title, _description(visit, lines)
    )
    rows = _rows(visit, kind.unit, lines, since, seconds / ROWS)
    return Chart(kind.id, title, lines, drawing, written(visit, kind.unit, frame.top), since, until, rows)


def written(visit: Visit, unit: Unit, value: float) -> str:
    """A value with its unit."""
    words = visit.language
    if unit == "size":
        return words.size(round(value))
    if unit == "span":
        return words.span(value)
    text = words.number(value, 1 if 0 < value < 10 and round(value, 1) % 1 else 0)
    return f"{text} %" if unit == "percent" else text


def _line(visit: Visit, unit: Unit, name: str, points: Points) -> Line:
    if not points:
        return Line(name, points)
    highest = max(y for _, y in points)
    return Line(name, points, written(visit, unit, points[-1][1]), written(visit, unit, highest))


def _description(visit: Visit, lines: list[Line]) -> str:
    said = [
        visit.t(
            "{name}: last {last}, at most {highest}", name=line.name, last=line.last, highest=line.highest
        )
        for line in lines
        if line.points
    ]
    return "; ".join(said) or visit.t("Nothing was measured in this time.")


def _rows(
    visit: Visit, unit: Unit, lines: list[Line], since: float, width: float
) -> list[tuple[float, list[str]]]:
    """The means of stretches, newest first; those without a measurement are left out."""
    stretches: dict[int, list[list[float]]] = {}
    for number, line in enumerate(lines):
        for x, y in line.points:
            place = stretches.setdefault(int((x - since) // width), [[] for _ in lines])
            place[number].append(y)
    return [
        (
            since + stretch * width,
            [written(visit, unit, sum(each) / len(each)) if each else "" for each in values],
        )
        for stretch, values in sorted(stretches.items(), reverse=True)
    ]
