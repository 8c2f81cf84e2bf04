"""Putting back what a backup holds: first what would change, then, once somebody has confirmed it, the change.

The recovery key is asked for once. Between the two steps it stays in the memory of the server, for half an hour at
most, and only the account that gave it can go on.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.manage.check_runs import CheckRun
from posthouse.web.language import mark
from posthouse.web.page import page
from posthouse.web.pages.backup import listed
from posthouse.web.visit import Trouble, Visit
from posthouse.web.work import begin, stream, under_way, work_of

HERE = "/admin/backup/restore"
PLAN, RESTORE = "backup.plan", "backup.restore"
KEY_SECONDS = 1800.0
MOST_CHOICES = 300
"""Backups in the choice of the form; older ones are found by their date."""
MOST_LINES = 500
"""Lines of a plan that are shown."""

SCOPES = {
    "all": mark("everything"),
    "domain": mark("one domain"),
    "account": mark("one account"),
    "folder": mark("one folder of an account"),
    "message": mark("one message"),
}

NEEDS = {
    "all": (),
    "domain": ("domain",),
    "account": ("account",),
    "folder": ("account", "folder"),
    "message": ("account", "folder", "uid"),
}
"""Which fields each scope takes."""


@page("GET", HERE, open_to="server")
async def form(visit: Visit) -> Response:
    """Which backup, what of it, and the recovery key."""
    backups, error = await listed(visit)
    return visit.render(
        "backup/restore.html",
        backups=backups[:MOST_CHOICES],
        error=error,
        scopes=SCOPES,
        id=visit.query.get("id", ""),
        account=visit.query.get("account", ""),
    )


@page("POST", HERE, open_to="server")
async def plan(visit: Visit) -> Response:
    """Find out what would change, in the background."""
    wanted = _wanted(visit)
    if wanted is None:
        return await form(visit)
    run = await begin(visit, PLAN, "backup.restore", {**wanted, "dry_run": True})
    if run is None:
        _place(visit)
        return await form(visit)
    run.keep((visit.actor.account_id, wanted), KEY_SECONDS)
    return visit.go(HERE + "/plan")


@page("GET", HERE + "/plan", open_to="server")
async def planned(visit: Visit) -> Response:
    """What would change; and the button that does it."""
    run = work_of(visit, PLAN)
    if run is None:
        return visit.go(HERE)
    return visit.render("backup/plan.html", run=run, kept=_kept(visit, run) is not None, most=MOST_LINES)


@page("GET", HERE + "/plan/events", open_to="server")
async def plan_events(visit: Visit) -> Response:
    """Tells the page when there is something new."""
    return stream(work_of(visit, PLAN))


@page("POST", HERE + "/plan", open_to="server")
async def carry_out(visit: Visit) -> Response:
    """Do what was planned, from the very backup that was looked into."""
    run = work_of(visit, PLAN)
    if run is None or run.result is None:
        return visit.go(HERE)
    wanted = _kept(visit, run)
    if wanted is None:
        text = visit.t("The recovery key is forgotten by now. Begin anew, please: nothing was changed.")
        return visit.done(HERE, text, "warning")
    if visit.form.get("confirm", "").strip().lower() != run.result.id.lower():
        visit.complain("confirm", visit.t("That is not the backup's name."), visit.t("Nothing was changed."))
        return await planned(visit)
    done = await begin(visit, RESTORE, "backup.restore", {**wanted, "id": run.result.id, "at": ""})
    if done is None:
        return await planned(visit)
    run.forget()
    return visit.go(HERE + "/run")


@page("GET", HERE + "/run", open_to="server")
async def running(visit: Visit) -> Response:
    """How far it is, and what was changed."""
    run = work_of(visit, RESTORE)
    if run is None:
        return visit.go(HERE)
    return visit.render("backup/restored.html", run=run, most=MOST_LINES)


@page("GET", HERE + "/run/events", open_to="server")
async def run_events(visit: Visit) -> Response:
    """Tells the page when there is something new."""
    return stream(work_of(visit, RESTORE))


# ------------------------------------------------------------------ inside


def _wanted(visit: Visit) -> dict[str, Any] | None:
    """The parameters of the form; None after a complaint."""
    form = visit.form
    if under_way(visit, RESTORE):
        visit.trouble = Trouble(
            visit.t("A restore is under way already."), visit.t("Wait until it has ended."), status=409
        )
        return None
    wanted: dict[str, Any] = {
        "id": form.get("id", "").strip(),
        "at": form.get("at", "").strip(),
        "place": form.get("place", "").strip(),
        "key": form.get("key", ""),
        "flags": form.get("flags") == "on",
        "skip_damaged": form.get("skip_damaged") == "on",
    }
    for name in NEEDS.get(form.get("scope", "all"), ()):
        value = form.get(name, "").strip()
        if not value:
            visit.complain(name, visit.t("This is needed for what you want to put back."))
            return None
        wanted[name] = value
    if "uid" in wanted:
        uid = wanted["uid"]
        if not (uid.isascii() and uid.isdecimal() and 0 < len(uid) <= 10 and 0 < int(uid) < 1 << 32):
            visit.complain("uid", visit.t("This is no UID."), visit.t("Give a number from 1 on."))
            return None
        wanted["uid"] = int(uid)
    return wanted


def _place(visit: Visit) -> None:
    """A complaint stands beside the field it is about."""
    it = visit.trouble
    if it is None or it.field:
        return
    what = it.what.lower()
    marks = (
        ("message", "uid"),
        ("folder", "folder"),
        ("recovery key", "key"),
        ("passphrase", "key"),
        ("made by another server", "key"),
        ("no date", "at"),
        ("as old as", "at"),
        ("in this place", "place"),
        ("no id of", "id"),
    )
    field = next((field for text, field in marks if text in what), "")
    if what.startswith("the backup has no ") and not field:
        field = "account" if "@" in what else "domain"
    if field in visit.form:
        visit.trouble = Trouble(it.what, it.mend, field, it.problems, it.status)


def _kept(visit: Visit, run: CheckRun) -> dict[str, Any] | None:
    """The parameters with the recovery key, for whoever gave it."""
    if run.kept is None:
        return None
    account, wanted = run.kept
    found: dict[str, Any] | None = wanted if account == visit.actor.account_id else None
    return found
