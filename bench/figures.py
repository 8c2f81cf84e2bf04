"""Figures of a run: medians over rounds, ratios, and a table to print."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


@dataclass
class Figures:
    """What was measured: load → server → list of rounds, each a dict of numbers."""

    rounds: dict[str, dict[str, list[dict[str, float]]]] = field(default_factory=dict)

    def add(self, load: str, server: str, figures: dict[str, float]) -> None:
        """Add one round's figures."""
        self.rounds.setdefault(load, {}).setdefault(server, []).append(figures)

    def middle(self, load: str, server: str, key: str) -> float | None:
        """The median of one figure over the rounds; None if it was not measured."""
        values = [entry[key] for entry in self.rounds.get(load, {}).get(server, []) if key in entry]
        return median(values) if values else None

    def table(self, ours: str, anchor: str) -> str:
        """All loads with both medians and the ratio ours/anchor (for costs: anchor/ours), as Markdown."""
        lines = [
            "| load | figure | posthouse | anchor | ratio | spread ours | spread anchor |",
            "|---|---|---|---|---|---|---|",
        ]
        for load, servers in self.rounds.items():
            keys = sorted({key for entries in servers.values() for entry in entries for key in entry})
            for key in keys:
                a, b = self.middle(load, ours, key), self.middle(load, anchor, key)
                cost = not key.endswith("per_s")
                ratio = "-"
                if a and b:
                    ratio = f"{b / a:.2f}x less" if cost else f"{a / b:.2f}x"
                cells = (
                    show(a),
                    show(b),
                    ratio,
                    self._spread(load, ours, key),
                    self._spread(load, anchor, key),
                )
                lines.append(f"| {load} | {key} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def _spread(self, load: str, server: str, key: str) -> str:
        values = [entry[key] for entry in self.rounds.get(load, {}).get(server, []) if key in entry]
        return f"{show(min(values))}-{show(max(values))}" if values else "-"

    def save(self, path: Path) -> None:
        """Keep the raw rounds."""
        path.write_text(json.dumps(self.rounds, indent=1))


def show(value: float | None) -> str:
    """A number with three figures that matter."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
