"""Whether the names at which mail programs and other servers look for a domain's settings have their certificates."""

from __future__ import annotations

import asyncio

from posthouse.manage.certificate_views import all_views
from posthouse.manage.diagnostics import Finding, FindingState, Look, check_domain
from posthouse.manage.dns_wanted import within
from posthouse.net.dns import ascii_name
from posthouse.settings import certificates as settings_certificates
from posthouse.settings import dns as settings_dns

PLACES = ("autoconfig", "autodiscover", "mta-sts")
"""Labels below a domain that are fetched by https."""


@check_domain("names", "dns")
async def names(look: Look, domain: str) -> list[Finding]:
    """Every such name that leads here is in a certificate, or one is being ordered. A name that is not in the DNS is
    told of by the check of the records."""
    if not any(each.protocol == "http" and each.tls == "implicit" for each in look.listeners):
        return []
    zone = ascii_name(domain)
    places = [place for place in PLACES if place != "mta-sts" or _policy(look)]
    wanted = [name for name in (f"{place}.{zone}" for place in places) if name != look.host]
    leading = await asyncio.gather(*(_leads_here(look, name) for name in wanted))
    here = [name for name, leads in zip(wanted, leading, strict=True) if leads]
    if not here:
        return []
    covered = await _covered(look)
    missing = tuple(name for name in here if not _in(name, covered))

    def finding(state: FindingState, text: str, mend: str = "") -> Finding:
        return Finding(
            name="names", group="dns", state=state, text=text, mend=mend, subject=domain, order=missing
        )

    if not missing:
        return [finding("ok", f"There is a certificate for {', '.join(here)}.")]
    agreed = look.context.settings.now[settings_certificates.TERMS_AGREED]
    mend = f"Order one: posthouse certificate order {' '.join(missing)}"
    if not agreed:
        mend += " (after posthouse certificate agree --yes)"
    text = f"{_list(missing)} {'leads' if len(missing) == 1 else 'lead'} here, but no certificate is for it."
    if len(missing) > 1:
        text = text.replace("for it.", "for them.")
    return [finding("warn", f"{text} Outlook and other servers ask for one.", mend)]


def _policy(look: Look) -> bool:
    return look.context.settings.now[settings_dns.MTA_STS_MODE] != "none"


async def _leads_here(look: Look, name: str) -> bool:
    """Whether the DNS leads this name to the server."""
    alias = await look.resolver.ask(name, "CNAME", fresh=True)
    if look.host in alias.rows:
        return True
    found = set((await look.resolver.addresses(name, fresh=True)).rows)
    return bool(found & {*look.addresses.public, *look.addresses.own})


async def _covered(look: Look) -> set[str]:
    """The names for which there is a certificate that others believe, or an order for one."""
    return {
        host.lower()
        for view in await all_views(look.context)
        if view.source != "self-made" and view.state not in ("expired", "damaged")
        for host in view.hosts
    }


def _in(name: str, covered: set[str]) -> bool:
    return name in covered or any(
        each.startswith("*.") and within(name, each[2:]) and name.count(".") == each.count(".")
        for each in covered
    )


def _list(names: tuple[str, ...]) -> str:
    """The names as a list in a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
