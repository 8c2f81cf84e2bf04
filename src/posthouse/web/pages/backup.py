"""Backups: how they go, setting them up, making, looking into, checking and removing them."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.manage.errors import ManageError
from posthouse.settings.backup import PLACE, SECRET, TIMES
from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Trouble, Visit, link, trouble_of
from posthouse.web.work import begin, settled, stream, under_way, work_of

HERE = "/admin/backup"
RUN, VERIFY, PRUNE = "backup.run", "backup.verify", "backup.prune"
"""Names of work in the background."""


async def listed(visit: Visit) -> tuple[list[Any], ManageError | None]:
    """The backups, newest first; or why they cannot be told."""
    try:
        return (await visit.perform("backup.list")).backups, None
    except ManageError as error:
        return [], error


async def values(visit: Visit) -> dict[str, Any]:
    """The settings of backups."""
    found = await visit.perform("setting.list", {"topic": "backup"})
    return {each.name: each.raw for each in found.settings}


@page("GET", HERE, open_to="server", nav=Nav(mark("Backup"), "archive", "server", 60))
async def overview(visit: Visit) -> Response:
    """How the last one went, when the next is due, and those there are."""
    status = await visit.perform("backup.status")
    backups, error = await listed(visit) if status.ready else ([], None)
    return visit.render(
        "backup/overview.html",
        status=status,
        settings=await values(visit),
        window=visit.window(backups),
        newest=next((each for each in backups if not each.trouble), None),
        error=error,
        busy=under_way(visit, RUN),
    )


# ------------------------------------------------------------------ setting up


@page("GET", HERE + "/set-up", open_to="server", fresh=True)
async def set_up_form(visit: Visit) -> Response:
    """Where, and who shall be able to read them."""
    return visit.render(
        "backup/set_up.html", status=await visit.perform("backup.status"), settings=await values(visit)
    )


@page("POST", HERE + "/set-up", open_to="server", fresh=True)
async def set_up(visit: Visit) -> Response:
    """Begin, and show the recovery key this once."""
    form = visit.form
    place, times = form.get("place", "").strip(), form.get("times", "").strip()
    protection = form.get("protection", "key")
    if not place:
        visit.complain(
            "place", visit.t("The place is missing."), visit.t("Give a folder or s3://bucket/prefix.")
        )
        return await set_up_form(visit)
    if protection == "passphrase" and form.get("passphrase", "") != form.get("again", ""):
        visit.complain("again", visit.t("That is another passphrase."), visit.t("Give the same one twice."))
        return await set_up_form(visit)
    if "times" in form and times != visit.site.context.settings.now[TIMES]:
        wanted = {"name": "backup.times", "value": times or "default"}
        if await visit.attempt("setting.set", wanted, field="times") is None:
            return await set_up_form(visit)
    force = form.get("force") == "on"
    if not force and (await visit.perform("backup.status")).ready:
        visit.complain(
            "force",
            visit.t("Backups are set up already."),
            visit.t("Tick the box to begin anew, with another recovery key."),
        )
        return await set_up_form(visit)
    given = {
        "place": place,
        "protection": protection,
        "passphrase": form.get("passphrase", ""),
        "force": force,
    }
    made = await _init(visit, given)
    if made is None:
        return await set_up_form(visit)
    if made.recovery_key and protection == "key":
        return visit.render("backup/key.html", made=made)
    return visit.done(HERE, visit.t("Backups are kept in {place} from now on.", place=made.place))


@page("POST", HERE + "/set-up/adopt", open_to="server", fresh=True)
async def adopt(visit: Visit) -> Response:
    """Go on with backups that are there."""
    given = {
        "place": visit.form.get("old_place", "").strip(),
        "adopt": True,
        "key": visit.form.get("key", ""),
    }
    if not given["place"]:
        visit.complain(
            "old_place", visit.t("The place is missing."), visit.t("Give a folder or s3://bucket/prefix.")
        )
        return await set_up_form(visit)
    made = await _init(visit, given)
    if made is None:
        return await set_up_form(visit)
    return visit.done(HERE, visit.t("Backups go on in {place}.", place=made.place))


async def _init(visit: Visit, given: dict[str, Any]) -> Any | None:
    try:
        made = await visit.perform("backup.init", given)
    except ManageError as error:
        what = error.what.lower()
        if given.get("adopt"):
            about_key = any(text in what for text in ("recovery key", "passphrase", "another server"))
            field = "key" if about_key else "old_place"
        else:
            field = "passphrase" if "passphrase" in what else "place"
        visit.trouble = trouble_of(error, field, visit.form)
        return None
    await settled(visit, lambda now: now[PLACE] == made.place and bool(now[SECRET]))
    return made


@page("POST", HERE + "/kept", open_to="server")
async def kept(visit: Visit) -> Response:
    """The recovery key is written down, as somebody says."""
    if visit.form.get("kept") != "on":
        text = visit.t(
            "Without its recovery key no backup can be restored. If you have not kept it, set backups up once more "
            "before the first one is made: that makes a new key."
        )
        return visit.done(HERE, text, "warning")
    return visit.done(HERE, visit.t("Good. Now make the first backup."))


# ------------------------------------------------------------------ making


@page("POST", HERE + "/run", open_to="server")
async def run(visit: Visit) -> Response:
    """Make one now, in the background."""
    if await begin(visit, RUN, "backup.run", {}) is None:
        return await overview(visit)
    return visit.go(HERE + "/run")


@page("GET", HERE + "/run", open_to="server")
async def running(visit: Visit) -> Response:
    """How far it is."""
    found = work_of(visit, RUN)
    if found is None:
        return visit.go(HERE)
    return visit.render("backup/run.html", run=found)


@page("GET", HERE + "/run/events", open_to="server")
async def run_events(visit: Visit) -> Response:
    """Tells the page when there is something new."""
    return stream(work_of(visit, RUN))


# ------------------------------------------------------------------ removing old ones


@page("GET", HERE + "/prune", open_to="server")
async def prune_form(visit: Visit) -> Response:
    """What would go, and what went."""
    return visit.render("backup/prune.html", settings=await values(visit), run=work_of(visit, PRUNE))


@page("POST", HERE + "/prune", open_to="server")
async def prune(visit: Visit) -> Response:
    """Look, or remove."""
    dry = visit.form.get("what") != "remove"
    if await begin(visit, PRUNE, "backup.prune", {"dry_run": dry}) is None:
        return await prune_form(visit)
    return visit.go(HERE + "/prune")


@page("GET", HERE + "/prune/events", open_to="server")
async def prune_events(visit: Visit) -> Response:
    """Tells the page when there is something new."""
    return stream(work_of(visit, PRUNE))


# ------------------------------------------------------------------ one backup


@page("GET", HERE + "/{id}", open_to="server")
async def show(visit: Visit) -> Response:
    """What is in one."""
    found = await visit.perform("backup.show", {"id": visit.part("id")})
    search = visit.query.get("search", "").strip().lower()
    accounts = [each for each in found.accounts if search in each.address]
    return visit.render("backup/show.html", it=found, window=visit.window(accounts))


@page("GET", HERE + "/{id}/verify", open_to="server")
async def verify_form(visit: Visit) -> Response:
    """The form for a check, and what the last one found."""
    found, backup = work_of(visit, VERIFY), visit.part("id")
    await visit.perform("backup.show", {"id": backup})
    return visit.render(
        "backup/verify.html", id=backup, run=found if found is not None and found.about == backup else None
    )


@page("POST", HERE + "/{id}/verify", open_to="server")
async def verify(visit: Visit) -> Response:
    """Check it, in the background."""
    backup = visit.part("id")
    wanted = {"id": backup, "key": visit.form.get("key", ""), "mend": visit.form.get("mend") == "on"}
    if await begin(visit, VERIFY, "backup.verify", wanted, about=backup) is None:
        trouble = visit.trouble
        if trouble is not None and wanted["key"] and trouble.status == 403:
            visit.trouble = Trouble(trouble.what, trouble.mend, "key", trouble.problems, trouble.status)
        return visit.render("backup/verify.html", id=backup, run=None)
    return visit.go(link("admin", "backup", backup, "verify"))


@page("GET", HERE + "/{id}/verify/events", open_to="server")
async def verify_events(visit: Visit) -> Response:
    """Tells the page when there is something new."""
    return stream(work_of(visit, VERIFY))
