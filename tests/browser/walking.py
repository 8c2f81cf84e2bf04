"""Looking at a page as a test does: nothing in the console, nothing against the policy, nothing that axe-core finds
serious, nothing wider than the window; and a picture where one is wanted."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page

HERE = Path(__file__).parent
AXE = (HERE / "axe" / "axe.min.js").read_text()
PICTURES = HERE.parent.parent / "docs" / "screenshots"
WIDTHS = {"desk": (1280, 860), "phone": (390, 844)}
TALLEST = 1500
"""Pixels of a picture; long lists are cut there."""
SERIOUS = ("serious", "critical")

_NOTE_VIOLATIONS = """
window.__violations = [];
addEventListener("securitypolicyviolation", (event) =>
  window.__violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""


@dataclass
class Watched:
    """A browser page with what it complained about since the last look."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.add_init_script(_NOTE_VIOLATIONS)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        self.page.on("console", self._heard)

    def _heard(self, message: ConsoleMessage) -> None:
        # The browser writes a line for every answer that is no success; tests look at those themselves.
        if message.type in ("error", "warning") and "the server responded with a status" not in message.text:
            self.complaints.append(f"console: {message.text}")

    def look(self, *, axe: bool = True) -> None:
        """Assert that the page as it stands is in order."""
        page = self.page
        # A click may have led on: there is a moment without any document between two.
        page.wait_for_load_state()
        page.wait_for_selector("body", state="attached")
        found = [*self.complaints, *page.evaluate("window.__violations")]
        self.complaints.clear()
        width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if width > 0:
            found.append(f"{width} pixels wider than the window")
        if axe:
            found += self._axe()
        assert not found, f"{page.url}: " + "; ".join(found)

    def _axe(self) -> list[str]:
        self.page.evaluate(AXE)
        results = self.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        return [
            f"axe {each['id']} ({each['impact']}): {each['help']}: "
            + " | ".join(node["html"][:160] for node in each["nodes"][:3])
            for each in results["violations"]
            if each["impact"] in SERIOUS
        ]

    def picture(self, name: str) -> None:
        """Keep a picture of the whole page, where POSTHOUSE_SCREENSHOTS=1 asks for it."""
        if os.environ.get("POSTHOUSE_SCREENSHOTS") == "1":
            PICTURES.mkdir(parents=True, exist_ok=True)
            size = self.page.viewport_size
            assert size is not None
            height = min(TALLEST, self.page.evaluate("document.documentElement.scrollHeight"))
            self.page.screenshot(
                path=PICTURES / f"{name}.png",
                full_page=True,
                animations="disabled",
                clip={"x": 0, "y": 0, "width": size["width"], "height": height},
            )
