"""Steering the queue: what is ticked, or all that the filters find; and pausing destinations."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.web.language import Language
from posthouse.web.local import local_path
from posthouse.web.page import page
from posthouse.web.pages.queue import HERE, filters_of, listing, number_of
from posthouse.web.visit import Visit

ACTIONS = ("retry", "hold", "release", "bounce", "delete")
FINAL = ("bounce", "delete")
"""What cannot be taken back asks first."""

MOST_TICKED = 500


def _meant(visit: Visit) -> dict[str, Any]:
    """Which mail the form means: everything that the filters find, or what was ticked. Raises ManageError."""
    if visit.form.get("every") == "on":
        filters = filters_of(visit.form)
        return {**filters} if filters else {"all": True}
    if visit.form.get("row"):
        return {"row": number_of(visit.form["row"])}
    return {"ids": [number_of(each) for each in visit.chosen.get("ids", [])[:MOST_TICKED]]}


def _back(visit: Visit) -> str:
    """Where the form was."""
    path = local_path(visit.form.get("back", ""))
    return path if path == HERE or path.startswith((f"{HERE}?", f"{HERE}/")) else HERE


@page("POST", HERE + "/steer", open_to="domain")
async def steer(visit: Visit) -> Response:
    """Do it, or ask first."""
    action, meant = visit.form.get("action", ""), _meant(visit)
    if action not in ACTIONS or meant == {"ids": []}:
        visit.complain(
            "",
            visit.t("Nothing was chosen."),
            visit.t("Tick the messages that are meant (or all that are found), then choose what to do."),
        )
        return await listing(visit)
    if action in FINAL and visit.form.get("confirmed") != "on":
        return await _ask(visit, action, meant)
    done = await visit.attempt(f"queue.{action}", meant)
    if done is None:
        return await listing(visit)
    text = _told(visit.language, action, done.recipients)
    if done.delivering:
        text += " " + visit.language.count(
            "{count} is being delivered at this moment and was left alone.",
            "{count} are being delivered at this moment and were left alone.",
            done.delivering,
        )
    return visit.done(_after(visit, action), text, "good" if done.recipients else "warning")


def _told(language: Language, action: str, number: int) -> str:
    """What was done to so many recipients."""
    if action == "retry":
        return language.count("{count} recipient is due now.", "{count} recipients are due now.", number)
    if action == "hold":
        return language.count("{count} recipient is held.", "{count} recipients are held.", number)
    if action == "release":
        return language.count("{count} recipient is released.", "{count} recipients are released.", number)
    if action == "delete":
        return language.count("{count} recipient is deleted.", "{count} recipients are deleted.", number)
    return language.count(
        "{count} recipient is given up; the sender is told.",
        "{count} recipients are given up; the senders are told.",
        number,
    )


def _after(visit: Visit, action: str) -> str:
    """The page of a message may be gone by now."""
    back = _back(visit)
    return HERE if action in FINAL and back.removeprefix(f"{HERE}/").isdecimal() else back


async def _ask(visit: Visit, action: str, meant: dict[str, Any]) -> Response:
    found = await visit.attempt(
        "queue.count", {name: value for name, value in meant.items() if name != "all"}
    )
    if found is None:
        return await listing(visit)
    return visit.render("queue/confirm.html", found=found, action=action, meant=meant, back=_back(visit))


@page("POST", HERE + "/pause", open_to="server")
async def pause(visit: Visit) -> Response:
    """Stop delivery to a destination, or to all."""
    done = await visit.perform("queue.pause", {"destination": visit.form.get("destination", "")})
    if done.destination == "*":
        text = visit.t("Nothing is delivered any more; mail is taken and waits.")
    else:
        name = done.destination.removeprefix("mx:")
        text = visit.t("{name} is paused: mail for it is taken and waits.", name=name)
    if not done.routes:
        return visit.done(_back(visit), text)
    listed = ", ".join(f"route:{each}" for each in done.routes)
    text += " " + visit.t("Mail for it that takes a route still leaves; pause {names} too.", names=listed)
    return visit.done(_back(visit), text, "warning")


@page("POST", HERE + "/resume", open_to="server")
async def resume(visit: Visit) -> Response:
    """Deliver to it again."""
    done = await visit.perform("queue.resume", {"destination": visit.form.get("destination", "")})
    if done.destination == "*":
        text = visit.t("Delivery goes on.")
    else:
        text = visit.t("Delivery to {name} goes on.", name=done.destination.removeprefix("mx:"))
    return visit.done(_back(visit), text)
