"""Plots drawn as SVG by the server: readable without a script, with title and description for those who hear them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT, PAD = 600, 120, 4

Points = Sequence[tuple[float, float]]
"""``(x, y)`` in order of x."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a plot shows: x from ``left`` to ``right``, y from 0 to ``top``. Where two points lie more than ``gap``
    apart there is a hole between them."""

    left: float
    right: float
    top: float
    gap: float

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point is drawn; what lies outside is drawn at the edge."""
        across = min(1.0, max(0.0, (x - self.left) / ((self.right - self.left) or 1.0)))
        up = min(1.0, max(0.0, y / (self.top or 1.0)))
        return PAD + (WIDTH - 2 * PAD) * across, HEIGHT - PAD - (HEIGHT - 2 * PAD) * up


def plot(id: str, frame: Frame, lines: Sequence[Points], title: str, description: str) -> Markup:
    """One line for each of ``lines``, the area below it filled where there is only one. ``id`` must be the page's
    own."""
    drawn = Markup("").join(
        _run(frame, run, number, filled=len(lines) == 1)
        for number, points in enumerate(lines)
        for run in runs(points, frame.gap)
    )
    return Markup(
        '<svg class="plot" viewBox="0 0 {w} {h}" preserveAspectRatio="none" role="img" '
        'aria-labelledby="{id}-title {id}-desc"><title id="{id}-title">{title}</title>'
        '<desc id="{id}-desc">{description}</desc>'
        '<line class="plot-grid" x1="0" x2="{w}" y1="{pad}" y2="{pad}"/>'
        '<line class="plot-grid" x1="0" x2="{w}" y1="{middle}" y2="{middle}"/>'
        '<line class="plot-floor" x1="0" x2="{w}" y1="{floor}" y2="{floor}"/>{drawn}</svg>'
    ).format(
        w=WIDTH,
        h=HEIGHT,
        id=id,
        title=title,
        description=description,
        pad=PAD,
        middle=HEIGHT // 2,
        floor=HEIGHT - PAD,
        drawn=drawn,
    )


def runs(points: Points, gap: float) -> list[Points]:
    """The points, cut where nothing was measured."""
    found: list[list[tuple[float, float]]] = []
    for point in points:
        if not found or point[0] - found[-1][-1][0] > gap:
            found.append([])
        found[-1].append(point)
    return list(found)


def _run(frame: Frame, run: Points, number: int, *, filled: bool) -> Markup:
    placed = [frame.place(x, y) for x, y in run]
    if len(placed) == 1:  # a point alone: a line of no length, which round ends make a dot
        x, y = placed[0]
        return Markup('<path class="plot-dot line-{n}" d="M{x:.1f} {y:.1f}h0"/>').format(n=number, x=x, y=y)
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    made = Markup('<polyline class="plot-line line-{n}" points="{line}"/>').format(n=number, line=line)
    if filled:
        floor = HEIGHT - PAD
        area = f"{placed[0][0]:.1f},{floor} {line} {placed[-1][0]:.1f},{floor}"
        made = Markup('<polygon class="plot-area" points="{area}"/>').format(area=area) + made
    return made


def ceiling(highest: float, *, binary: bool = False) -> float:
    """A round number at or above the highest value, for the scale: 1, 2 or 5 times a power of ten, or a power of
    two for bytes."""
    if highest <= 1:
        return 1.0
    if binary:
        return float(2 ** (math.ceil(highest) - 1).bit_length())
    power = 10.0 ** (len(str(int(highest))) - 1)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= highest)
