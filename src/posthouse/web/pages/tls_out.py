"""TLS to other servers: what is known of each domain, what would be demanded of one now, what others report."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import PER_PAGE, Visit

HERE = "/admin/tls"


def _wanted(visit: Visit) -> dict[str, object]:
    return {
        "search": visit.query.get("search", ""),
        "after": visit.query.get("after", ""),
        "limit": PER_PAGE,
    }


@page("GET", HERE, open_to="server", nav=Nav(mark("TLS to other servers"), "shield-lock", "mail", 65))
async def listing(visit: Visit) -> Response:
    """The domains that mail went to, and a form to ask about one."""
    found = await visit.perform("tls.domains", _wanted(visit))
    return visit.render("tls/list.html", found=found, domain="")


@page("POST", HERE + "/forget", open_to="server")
async def forget(visit: Visit) -> Response:
    """Drop what is known of a domain."""
    done = await visit.attempt("tls.forget", {"domain": visit.form.get("domain", "")})
    if done is None:
        return await listing(visit)
    return visit.done(HERE, visit.t("What was known of {domain} is forgotten.", domain=done.domain))


@page("GET", HERE + "/policy", open_to="server")
async def policy(visit: Visit) -> Response:
    """What would be demanded of a domain now, with the reasons."""
    domain = visit.query.get("domain", "").strip()
    asked = await visit.attempt("tls.policy", {"domain": domain}) if domain else None
    return visit.render("tls/policy.html", asked=asked, domain=domain)


@page("GET", HERE + "/reports", open_to="server")
async def reports(visit: Visit) -> Response:
    """What others report about us."""
    return visit.render("tls/reports.html", found=await visit.perform("tls.reports", _wanted(visit)))
