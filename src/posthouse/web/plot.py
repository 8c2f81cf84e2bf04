"""Plots drawn as SVG by the server: readable without a script, with the numbers in words for those who do not see
them."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

WIDTH, HEIGHT, PAD = 600, 120, 4


def plot(points: Sequence[tuple[float, float]], label: str, top: float = 0.0) -> Markup:
    """A line with the area below it over ``(x, y)`` points in order of x; ``label`` says what it shows, with its
    range in words. ``top`` is the least height of the scale; "" without two points."""
    if len(points) < 2:
        return Markup("")
    left, right = points[0][0], points[-1][0]
    highest = max(top, max(y for _, y in points)) or 1.0
    spread = (right - left) or 1.0
    drawn = [
        (
            PAD + (WIDTH - 2 * PAD) * (x - left) / spread,
            HEIGHT - PAD - (HEIGHT - 2 * PAD) * max(0.0, y) / highest,
        )
        for x, y in points
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
    floor = HEIGHT - PAD
    area = f"{drawn[0][0]:.1f},{floor} {line} {drawn[-1][0]:.1f},{floor}"
    return Markup(
        '<svg class="plot" viewBox="0 0 {w} {h}" preserveAspectRatio="none" role="img" aria-label="{label}">'
        '<line class="plot-floor" x1="0" x2="{w}" y1="{floor}" y2="{floor}"/>'
        '<polygon class="plot-area" points="{area}"/><polyline class="plot-line" points="{line}"/></svg>'
    ).format(w=WIDTH, h=HEIGHT, floor=floor, label=label, area=area, line=line)
