"""Settings by topic."""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import STATUS, Visit

NOTHING = "\0"
"""A search that finds no setting: only the topics are wanted."""


@page("GET", "/admin/settings", open_to="server", nav=Nav(mark("Settings"), "sliders", "server", 10))
async def listing(visit: Visit) -> Response:
    """The settings of one topic, or those that a search finds."""
    return await _show(visit, visit.query.get("topic", ""))


async def _show(visit: Visit, topic: str) -> Response:
    search = visit.query.get("search", "").strip()
    changed = visit.query.get("changed", "") == "1"
    topics = (await visit.perform("setting.list", {"search": NOTHING})).topics
    if not search and not changed and topic not in topics:
        topic = topics[0]
    found = await visit.perform(
        "setting.list", {"topic": "" if search or changed else topic, "search": search, "changed": changed}
    )
    return visit.render(
        "settings/list.html",
        settings=found.settings,
        topics=topics,
        topic=topic,
        search=search,
        changed=changed,
    )


@page("POST", "/admin/settings/{name}", open_to="server")
async def put(visit: Visit) -> Response:
    """Change one setting, or put it back to its default."""
    name = visit.part("name")
    value = "default" if visit.form.get("reset") else visit.form.get(name, "")
    done = await visit.attempt("setting.set", {"name": name, "value": value}, field=name)
    topic = name.partition(".")[0]
    if done is None:
        if visit.trouble is not None and visit.trouble.status == STATUS["missing"]:
            visit.trouble = replace(visit.trouble, field="")  # there is no such field to stand beside
        return await _show(visit, topic)
    text = visit.t("{name} is now {value}.", name=name, value=done.value or visit.t("empty"))
    if done.effect == "restart":
        text += " " + visit.t("It takes effect at the next start of the server.")
    return visit.done(f"/admin/settings?topic={topic}#{name}", text)
