"""The register of pages: what the frame and the routes rely on."""

from __future__ import annotations

import re

import pytest

from posthouse.web import all as every_page
from posthouse.web.page import page, pages
from posthouse.web.render import TEMPLATES, environment
from posthouse.web.static_files import FOLDER

assert every_page


def test_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        page("GET", "/admin", open_to="user")(pages()[0].handler)


def test_parameters_come_last() -> None:
    order = [each.path for each in pages()]
    assert order.index("/admin/accounts/{address:path}/remove") < order.index(
        "/admin/accounts/{address:path}"
    )
    assert order.index("/admin/accounts/add") < order.index("/admin/accounts/{address:path}")


def test_icons_of_templates_are_there() -> None:
    there = set(re.findall(r'<symbol id="([^"]+)"', (FOLDER / "icons.svg").read_text()))
    used = {each.nav.icon for each in pages() if each.nav}
    for template in TEMPLATES.rglob("*.html"):
        used |= set(re.findall(r'words\.(?:icon|empty)\("([a-z0-9-]+)"', template.read_text()))
    assert not used - there


def test_templates_hold_no_inline_script_or_style() -> None:
    for template in TEMPLATES.rglob("*.html"):
        text = template.read_text()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text), template
        environment("de").get_template(template.relative_to(TEMPLATES).as_posix())
