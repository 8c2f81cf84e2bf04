"""Every form that the pages send, with input that is no good and input that is. See ``test_every_form``.

A form that is not here fails ``test_every_form_is_in_the_table``. An entry names

- the registered path, and where it has parameters an address that is there (``at``), others that are not (``gone``);
- ``good``: fields that are carried out, ``effect``: a page and a text that it shows then (no page: the answer does;
  ``not_there``: shows no more), and ``before``: forms to send first;
- ``takes``: for each field that is typed, which kinds of odd input it takes (see ``ODD``); every other kind must be
  refused with a complaint. ``bad``: further input that must be refused, with words of the complaint.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import trustme
from running import PASSWORD, RunningServer

from house import ADMIN, DOMAIN
from posthouse.web.pages.signin_sources import FIELDS

NEW = "quite-another-password"
SECRET = "shown-nowhere-7731"
"""What is typed into fields of passwords: no answer may hold it."""

ODD = {
    "empty": "",
    "long": "x" * 70_000,
    "words": "not what is asked for",
    "script": '"><script>document.title="owned"</script>',
    "unicode": "Grüße \u202e漢字 🐘",
    "negative": "-1",
    "control": "a\x00b\x07\x1bc",
    "lines": "a\r\nBcc: x@y.example",
}
FREE = "empty words script unicode negative lines"
"""A note for people takes nearly everything."""

_NAME = "empty words script negative lines"
"""A person's name has no characters that nobody sees."""

Fields = dict[str, str]
NO_CONTACT = {"hosts": "mail.posthouse.test", "needs_terms": "1", "agreed": "on", "contact": "no address"}
CLIENT_CERTIFICATE = trustme.CA().issue_cert("person@client.example").cert_chain_pems[0].bytes().decode()
GONE_NUMBER = ("999999", "99999999999999999999999999")
GONE_NAME = ("nobody@nowhere.example", "%3Cscript%3E", "%00%07", "x" * 3000, "..%2F..%2Fetc")


@dataclass(frozen=True)
class Form:
    """See the module. ``who`` is signed in ("" nobody). ``answers`` of a good one: 303, or 200 with a secret."""

    path: str
    good: Fields = field(default_factory=dict)
    takes: dict[str, str] = field(default_factory=dict)
    bad: tuple[tuple[Fields, str], ...] = ()
    at: str = ""
    gone: tuple[str, ...] = ()
    effect: tuple[str, str] = ("", "")
    not_there: tuple[str, str] = ("", "")
    before: tuple[tuple[str, Fields], ...] = ()
    who: str = ADMIN
    secrets: tuple[str, ...] = ()
    note: str = ""
    """Where the good input is shown to work, when that takes more than one request."""

    @property
    def address(self) -> str:
        """Where the form is sent."""
        return self.at or self.path


def account(name: str, part: str = "") -> str:
    """The page of an account of the house."""
    return f"/admin/accounts/{name}@{DOMAIN}{part}"


def forms(server: RunningServer, spare: int) -> list[Form]:
    """The table, for this server; ``spare`` is a port that nobody uses."""
    place = Path(server.folder) / "backups"
    made = [*_machine(server, place, spare), *_sources(), *_network_lists(Path(server.folder))]
    return [*PEOPLE, *LISTS, *LETTING_IN, *made, *OWN, *ANYBODY]


def _wording(
    path: str, at: str, shown: str, gone: tuple[str, ...], who: str = ADMIN, *, reply: bool = True
) -> list[Form]:
    """Signature, automatic reply and archive rule of somebody."""
    nothing = "empty words script unicode negative lines long"
    rule = {"mail": "sent", "action": "copy", "folder": "Old/%YEAR%", "days": "44"}
    away = {"subject": "Away", "plain": "Back on Monday", "days": "3", "audience": "domain"}
    found = [
        Form(
            f"{path}/signature",
            {"plain": "Kind regards", "replies": "on"},
            {"plain": "empty words script unicode negative control lines", "html": nothing + " control"},
            at=f"{at}/signature",
            gone=gone,
            effect=(shown, "Kind regards"),
            who=who,
        ),
        Form(
            f"{path}/archive",
            rule,
            {"folder": "words script unicode negative", "days": ""},
            bad=(({"days": "99999999"}, "days"),),
            at=f"{at}/archive",
            gone=gone,
            effect=(shown, "Old/%YEAR%"),
            who=who,
        ),
        Form(
            f"{path}/archive/clear",
            at=f"{at}/archive/clear",
            gone=gone,
            before=((f"{at}/archive", {**rule, "folder": "Gone/%YEAR%"}),),
            not_there=(shown, "Gone/%YEAR%"),
            who=who,
        ),
    ]
    if reply:
        found += [
            Form(
                f"{path}/auto-reply",
                away,
                {
                    "subject": FREE + " control",
                    "plain": "words script unicode negative control lines",
                    "html": nothing + " control",
                    "begin": "empty",
                    "end": "empty",
                    "days": "",
                },
                bad=(({"begin": "2026-12-24", "end": "2026-12-01"}, "end"),),
                at=f"{at}/auto-reply",
                gone=gone,
                effect=(shown, "Back on Monday"),
                who=who,
            ),
            Form(
                f"{path}/auto-reply/clear",
                at=f"{at}/auto-reply/clear",
                gone=gone,
                before=((f"{at}/auto-reply", {**away, "plain": "Gone fishing"}),),
                not_there=(shown, "Gone fishing"),
                who=who,
            ),
        ]
    return found


PEOPLE = [
    Form(
        "/admin/domains",
        {"name": "new.example", "template": ""},
        {"name": "", "template": "empty"},
        bad=(({"name": DOMAIN}, "exists"),),
        effect=("/admin/domains", "new.example"),
    ),
    Form(
        "/admin/domains/{name}/settings",
        {"active": "on", "plus": "-", "max_accounts": "500", "language": "de"},
        {
            "catch_all": "empty",
            "postmaster": "empty",
            "max_size": "empty",
            "max_message": "empty",
            "max_account": "empty",
            "max_accounts": "empty",
            "max_aliases": "empty",
            "max_lists": "empty",
            "quota": "empty",
            "language": "empty",
            "time_zone": "empty",
        },
        bad=(
            ({"active": "on", "plus": "a"}, "cannot stand"),
            ({"active": "on", "max_lists": "two"}, "no number"),
        ),
        at="/admin/domains/set.example/settings",
        gone=tuple(f"/admin/domains/{name}/settings" for name in ("nowhere.example", "%00%07")),
        before=(("/admin/domains", {"name": "set.example"}),),
        effect=("/admin/domains/set.example/settings", "500"),
    ),
    Form(
        "/admin/domains/{name}/settings/names",
        {"other": "other-name.example"},
        {"other": ""},
        bad=(({"other": DOMAIN}, "exists"),),
        at="/admin/domains/named.example/settings/names",
        before=(("/admin/domains", {"name": "named.example"}),),
        effect=("/admin/domains/named.example/settings", "other-name.example"),
    ),
    Form(
        "/admin/domains/{name}/settings/names/remove",
        {"other": "lost-name.example"},
        {"other": ""},
        at="/admin/domains/unnamed.example/settings/names/remove",
        before=(
            ("/admin/domains", {"name": "unnamed.example"}),
            ("/admin/domains/unnamed.example/settings/names", {"other": "lost-name.example"}),
        ),
        not_there=("/admin/domains/unnamed.example/settings", "lost-name.example"),
    ),
    Form(
        "/admin/domains/{name}/settings/rename",
        {"new": "newly-named.example", "keep": "on"},
        {"new": ""},
        bad=(({"new": DOMAIN}, "exists"),),
        at="/admin/domains/old-named.example/settings/rename",
        before=(("/admin/domains", {"name": "old-named.example"}),),
        effect=("/admin/domains", "newly-named.example"),
    ),
    Form(
        "/admin/domain-templates",
        {"template": "Small office", "domain": DOMAIN},
        {"template": "words unicode script negative lines", "domain": ""},
        bad=(({"template": "a/b", "domain": DOMAIN}, "no name for a template"),),
        effect=("/admin/domain-templates", "Small office"),
    ),
    Form(
        "/admin/domain-templates/remove",
        {"template": "To be removed"},
        {"template": "lines"},
        before=(("/admin/domain-templates", {"template": "To be removed", "domain": DOMAIN}),),
        not_there=("/admin/domain-templates", "To be removed"),
    ),
    Form(
        "/admin/domains/{name}/remove",
        {"confirm": "gone.example"},
        {"confirm": ""},
        bad=(({"confirm": DOMAIN}, "not the name"),),
        at="/admin/domains/gone.example/remove",
        gone=GONE_NAME,
        before=(("/admin/domains", {"name": "gone.example"}),),
        not_there=("/admin/domains", "gone.example"),
    ),
    Form(
        "/admin/accounts/add",
        {"name": "newcomer", "domain": DOMAIN, "password": NEW, "quota": "1G"},
        {
            "name": "negative",
            "domain": "",
            "password": "empty words script unicode negative",
            "quota": "empty",
        },
        bad=(({"name": "anna", "domain": DOMAIN}, "already"),),
        effect=("/admin/accounts?search=newcomer", f"newcomer@{DOMAIN}"),
        secrets=("password",),
    ),
    Form(
        "/admin/accounts/import",
        {"text": f"address,password\nimported@{DOMAIN},{NEW}"},
        {"text": ""},
        effect=("/admin/accounts?search=imported", f"imported@{DOMAIN}"),
    ),
    Form(
        "/admin/accounts/{address:path}/quota",
        {"quota": "3G"},
        {"quota": "empty"},
        at=account("person10", "/quota"),
        gone=GONE_NAME,
        effect=(account("person10"), 'value="3G"'),
    ),
    Form(
        "/admin/accounts/{address:path}/password",
        {"password": NEW},
        {"password": "empty words script unicode negative"},
        at=account("person11", "/password"),
        gone=GONE_NAME,
        secrets=("password",),
        note="test_passwords_are_set",
    ),
    Form(
        "/admin/accounts/{address:path}/role",
        {"role": "domain", "domains": DOMAIN},
        {"role": "", "domains": ""},
        bad=(({"role": "domain", "domains": ""}, ""), ({"role": "domain", "domains": "nowhere.example"}, "")),
        at=account("person12", "/role"),
        gone=GONE_NAME,
        effect=(account("person12"), f'value="{DOMAIN}"'),
    ),
    Form(
        "/admin/accounts/{address:path}/active",
        {"active": "0"},
        at=account("person13", "/active"),
        gone=GONE_NAME,
        effect=(account("person13"), "switched off"),
    ),
    Form(
        "/admin/accounts/{address:path}/factors",
        at=account("person14", "/factors"),
        gone=GONE_NAME,
        effect=("/admin/audit", "account.factors_clear"),
    ),
    Form(
        "/admin/accounts/{address:path}/sessions/{id:int}",
        at="",
        gone=tuple(f"{account('person14', '/sessions')}/{each}" for each in GONE_NUMBER),
        note="test_browsers_are_signed_out",
    ),
    *_wording(
        "/admin/accounts/{address:path}", account("person16"), account("person16", "/absence"), GONE_NAME
    ),
    *_wording(
        "/admin/domains/{name}",
        f"/admin/domains/{DOMAIN}",
        f"/admin/domains/{DOMAIN}/signature",
        GONE_NAME,
        reply=False,
    ),
    *_wording("/me", "/me", "/me/absence", (), who=f"person22@{DOMAIN}"),
    Form(
        "/admin/journal",
        {"of": DOMAIN, "address": "journal@there.example", "mail": "incoming", "form": "copy"},
        {"of": "empty", "address": ""},
        bad=(({"of": "nowhere.example"}, "not ours"),),
        effect=("/admin/journal", "journal@there.example"),
    ),
    Form(
        "/admin/journal/remove",
        {"of": "server"},
        before=(("/admin/journal", {"address": "gone@there.example"}),),
        bad=(({"of": "nowhere.example"}, "not ours"),),
        not_there=("/admin/journal", "gone@there.example"),
    ),
    Form(
        "/admin/shared",
        {"address": f"orders@{DOMAIN}", "members": f"person22@{DOMAIN}", "send": "as"},
        {"address": "", "members": "empty"},
        effect=("/admin/shared", f"orders@{DOMAIN}"),
    ),
    Form(
        "/admin/shared/mailbox/{address:path}",
        {"own_marks": "on"},
        at=f"/admin/shared/mailbox/desk@{DOMAIN}",
        gone=GONE_NAME,
        note="test_shared_pages.py",
    ),
    Form(
        "/admin/shared/mailbox/{address:path}/member",
        {"who": f"person23@{DOMAIN}", "rights": "letters", "letters": "lrs", "send": "behalf"},
        {"who": "", "letters": "empty long"},
        at=f"/admin/shared/mailbox/desk@{DOMAIN}/member",
        gone=GONE_NAME,
        effect=(f"/admin/shared/mailbox/desk@{DOMAIN}", f"person23@{DOMAIN}"),
    ),
    Form(
        "/admin/shared/public",
        {"name": "Minutes"},
        {"name": "words script unicode negative"},
        bad=(({"name": "News"}, "exist"),),
        effect=("/admin/shared", "Minutes"),
    ),
    Form(
        "/admin/shared/folder/{name:path}/rights",
        {"who": f"person24@{DOMAIN}", "rights": "letters", "letters": "lrs"},
        {"who": "", "letters": "empty long"},
        at="/admin/shared/folder/News/rights",
        gone=GONE_NAME,
        effect=("/admin/shared/folder/News", f"person24@{DOMAIN}"),
    ),
    Form(
        "/admin/shared/folder/{name:path}/marks",
        {"own": "on"},
        at="/admin/shared/folder/News/marks",
        gone=GONE_NAME,
        note="test_shared_pages.py",
    ),
    Form(
        "/admin/shared/folder/{name:path}/remove",
        at="/admin/shared/folder/Old/remove",
        gone=GONE_NAME,
        before=(("/admin/shared/public", {"name": "Old"}),),
        not_there=("/admin/shared", "/admin/shared/folder/Old"),
    ),
    Form(
        "/admin/accounts/{address:path}/forward",
        {"targets": "away@there.example", "keep": "on", "active": "on"},
        {
            "targets": "",
            **dict.fromkeys(("sender", "recipient", "subject"), FREE + " control"),
            "max_size": "empty",
        },
        bad=(
            ({"targets": f"person16@{DOMAIN}"}, "leads back"),
            ({"targets": "\n".join(f"a{n}@there.example" for n in range(11))}, "at most"),
        ),
        at=account("person16", "/forward"),
        gone=GONE_NAME,
        effect=(account("person16"), "away@there.example"),
    ),
    Form(
        "/admin/accounts/{address:path}/forward/clear",
        at=account("person17", "/forward/clear"),
        gone=GONE_NAME,
        before=((account("person17", "/forward"), {"targets": "gone@there.example", "active": "on"}),),
        not_there=(account("person17"), "gone@there.example"),
    ),
    Form(
        "/admin/accounts/{address:path}/remove",
        {"confirm": f"person15@{DOMAIN}"},
        {"confirm": ""},
        at=account("person15", "/remove"),
        gone=GONE_NAME,
        not_there=("/admin/accounts?search=person15", f"/admin/accounts/person15@{DOMAIN}"),
    ),
    Form(
        "/admin/aliases",
        {"address": f"sales@{DOMAIN}", "targets": f"{ADMIN}\nelsewhere@there.invalid"},
        {"address": "", "targets": "", "note": FREE},
        bad=(
            ({"address": f"info@{DOMAIN}"}, "already"),
            ({"address": f"sales@{DOMAIN}", "targets": f"sales@{DOMAIN}"}, ""),
        ),
        effect=("/admin/aliases", f"sales@{DOMAIN}"),
    ),
    Form(
        "/admin/aliases/{address:path}/remove",
        at=f"/admin/aliases/old@{DOMAIN}/remove",
        gone=GONE_NAME,
        before=(("/admin/aliases", {"address": f"old@{DOMAIN}", "targets": ADMIN}),),
        not_there=("/admin/aliases", f"old@{DOMAIN}"),
    ),
    Form(
        "/admin/aliases/{address:path}/change",
        {"targets": ADMIN, "note": "for newcomers"},
        {"targets": "", "note": FREE},
        bad=(({"targets": f"turn@{DOMAIN}"}, "leads to itself"),),
        at=f"/admin/aliases/turn@{DOMAIN}/change",
        gone=GONE_NAME,
        before=(("/admin/aliases", {"address": f"turn@{DOMAIN}", "targets": ADMIN}),),
        effect=(f"/admin/aliases/turn@{DOMAIN}", "for newcomers"),
    ),
    Form(
        "/admin/aliases-import",
        {"text": f"address,targets\nbrought@{DOMAIN},{ADMIN}"},
        {"text": ""},
        effect=("/admin/aliases?search=brought", f"brought@{DOMAIN}"),
    ),
    Form(
        "/admin/accounts/{address:path}/person",
        {"first_name": "Anna", "display_name": "Anna of the office", "language": "de", "time_zone": "UTC"},
        {
            "first_name": _NAME,
            "last_name": _NAME,
            "display_name": _NAME,
            "language": "empty",
            "time_zone": "empty",
            "note": FREE,
        },
        at=account("person14", "/person"),
        gone=GONE_NAME,
        effect=(account("person14"), "Anna of the office"),
    ),
    Form(
        "/admin/accounts/{address:path}/limits",
        {"protocols": "imap", "networks": "192.0.2.0/24", "max_message": "20M"},
        {"networks": "empty", "max_message": "empty"},
        bad=(({"protocols": "telnet"}, "no way to sign in"), ({"protocols": ""}, "No way to sign in")),
        at=account("person14", "/limits"),
        gone=GONE_NAME,
        effect=(account("person14"), "192.0.2.0/24"),
    ),
    Form(
        "/admin/accounts/{address:path}/addresses",
        {"further": f"also14@{DOMAIN}", "signin": "on"},
        {"further": ""},
        bad=(({"further": f"info@{DOMAIN}"}, "already"),),
        at=account("person14", "/addresses"),
        gone=GONE_NAME,
        effect=(account("person14"), f"also14@{DOMAIN}"),
    ),
    Form(
        "/admin/accounts/{address:path}/addresses-remove",
        {"further": f"gone14@{DOMAIN}"},
        at=account("person14", "/addresses-remove"),
        before=((account("person14", "/addresses"), {"further": f"gone14@{DOMAIN}"}),),
        not_there=(account("person14"), f"gone14@{DOMAIN}"),
    ),
    Form(
        "/admin/accounts/{address:path}/rename",
        {"new": f"renamed18@{DOMAIN}"},
        {"new": ""},
        bad=(({"new": f"info@{DOMAIN}"}, "already"),),
        at=account("person18", "/rename"),
        gone=GONE_NAME,
        effect=("/admin/accounts?search=renamed18", f"renamed18@{DOMAIN}"),
    ),
    Form(
        "/admin/accounts/{address:path}/masked",
        bad=(({"masked": f"none@{DOMAIN}", "action": "off"}, "no masked address"),),
        at=account("person14", "/masked"),
        gone=GONE_NAME,
        note="test_people",
    ),
    Form(
        "/admin/accounts/{address:path}/sign-out",
        at=account("person14", "/sign-out"),
        gone=GONE_NAME,
        effect=(account("person14"), ""),
    ),
    Form(
        "/admin/accounts/{address:path}/empty",
        {"confirm": f"person17@{DOMAIN}"},
        {"confirm": ""},
        bad=(({"confirm": ADMIN}, "not the address"),),
        at=account("person17", "/empty"),
        gone=GONE_NAME,
        effect=(account("person17"), ""),
    ),
    Form(
        "/me/profile",
        {"display_name": "Head of everything"},
        {
            "first_name": _NAME,
            "last_name": _NAME,
            "display_name": _NAME,
            "language": "empty",
            "time_zone": "empty",
        },
        effect=("/me/profile", "Head of everything"),
    ),
    Form(
        "/me/addresses",
        {"prefix": "shop", "note": "for the shop", "expires": "2099-12-31", "most": "3"},
        {"prefix": "empty", "note": FREE, "expires": "empty", "most": "empty"},
        bad=(({"expires": "2001-01-01"}, "over"),),
        effect=("/me/addresses", "for the shop"),
    ),
    Form(
        "/me/addresses/change",
        bad=(({"masked": f"none@{DOMAIN}", "action": "off"}, "no masked address"),),
        note="test_people",
    ),
]

_LINE = "empty words script unicode negative"
"""One line about a list or a group."""
_NEWS, _STAFF = f"/admin/lists/news@{DOMAIN}", f"/admin/groups/staff@{DOMAIN}"


def _made(kind: str, name: str) -> tuple[tuple[str, Fields], ...]:
    """The form that makes a list or a group first."""
    field = "address" if kind == "lists" else "name"
    return ((f"/admin/{kind}", {field: f"{name}@{DOMAIN}"}),)


LISTS = [
    Form(
        "/admin/lists",
        {"address": f"crowd@{DOMAIN}", "name": "Crowd", "mode": "public"},
        {"address": "", "name": _LINE},
        bad=(({"address": f"info@{DOMAIN}"}, "already"),),
        effect=("/admin/lists", f"crowd@{DOMAIN}"),
    ),
    Form(
        "/admin/lists/{address:path}",
        {
            "active": "on",
            "name": "Talk",
            "description": "Of this and that",
            "mode": "public",
            "moderation": "none",
            "joining": "closed",
            "tag": "Talk",
            "replies": "list",
            "max_size": "0",
            "owners": ADMIN,
            "moderators": "",
            "senders": "",
        },
        {
            "name": _LINE,
            "description": _LINE,
            "tag": _LINE,
            "max_size": "",
            "owners": "empty",
            "moderators": "empty",
            "senders": "empty",
        },
        bad=(({"mode": "nonsense"}, ""),),
        at=f"/admin/lists/talk@{DOMAIN}",
        gone=GONE_NAME,
        before=_made("lists", "talk"),
        effect=(f"/admin/lists/talk@{DOMAIN}", "Of this and that"),
    ),
    Form(
        "/admin/lists/{address:path}/join",
        {"member": "joined@there.example"},
        {"member": ""},
        at=f"{_NEWS}/join",
        gone=GONE_NAME,
        effect=(_NEWS, "joined@there.example"),
    ),
    Form(
        "/admin/lists/{address:path}/import",
        {"text": "address\nmany@there.example"},
        {"text": "empty"},
        at=f"{_NEWS}/import",
        gone=GONE_NAME,
        effect=(_NEWS, "many@there.example"),
    ),
    Form(
        "/admin/lists/{address:path}/leave",
        {"member": "left@there.example"},
        bad=(({"member": "nobody@there.example"}, "not on list"),),
        at=f"{_NEWS}/leave",
        gone=GONE_NAME,
        before=((f"{_NEWS}/join", {"member": "left@there.example"}),),
        not_there=(_NEWS, "left@there.example"),
    ),
    Form(
        "/admin/lists/{address:path}/switch",
        {"member": "away@there.example", "active": "no"},
        bad=(({"member": "nobody@there.example"}, "not on list"),),
        at=f"{_NEWS}/switch",
        gone=GONE_NAME,
        before=((f"{_NEWS}/join", {"member": "away@there.example"}),),
        effect=(_NEWS, "suspended"),
    ),
    *(
        Form(
            f"{path}/{{address:path}}/{word}",
            {"post": "1", "reason": "Please write to the board"},
            bad=(({"post": "999999"}, "waits"), ({"post": "x"}, "waits")),
            at=f"{path}/news@{DOMAIN}/{word}",
            gone=GONE_NAME,
            note="test_lists_whole.py",
        )
        for path in ("/admin/lists", "/me/lists")
        for word in ("approve", "reject")
    ),
    Form(
        "/admin/lists/{address:path}/remove",
        at=f"/admin/lists/over@{DOMAIN}/remove",
        gone=GONE_NAME,
        before=_made("lists", "over"),
        not_there=("/admin/lists", f"/admin/lists/over@{DOMAIN}"),
    ),
    Form(
        "/me/lists/quit",
        {"address": f"news@{DOMAIN}"},
        bad=(({"address": f"nowhere@{DOMAIN}"}, ""),),
        note="test_list_pages.py",
    ),
    Form(
        "/me/lists/{address:path}/join",
        {"member": "asked@there.example"},
        {"member": ""},
        at=f"/me/lists/news@{DOMAIN}/join",
        gone=GONE_NAME,
        effect=(f"/me/lists/news@{DOMAIN}", "asked@there.example"),
    ),
    Form(
        "/me/lists/{address:path}/leave",
        {"member": "tired@there.example"},
        bad=(({"member": "nobody@there.example"}, ""),),
        at=f"/me/lists/news@{DOMAIN}/leave",
        gone=GONE_NAME,
        before=((f"/me/lists/news@{DOMAIN}/join", {"member": "tired@there.example"}),),
        not_there=(f"/me/lists/news@{DOMAIN}", "tired@there.example"),
    ),
    Form(
        "/admin/groups",
        {"name": f"crew@{DOMAIN}", "description": "Everybody on board"},
        {"name": "words negative", "description": _LINE},
        bad=(({"name": "crew@nowhere.example"}, "not in a domain"),),
        effect=("/admin/groups", f"crew@{DOMAIN}"),
    ),
    Form(
        "/admin/groups/{name:path}/change",
        {"new_name": f"night-crew@{DOMAIN}", "description": "Those awake"},
        {"new_name": "", "description": _LINE},
        bad=(({"new_name": f"staff@{DOMAIN}"}, "exists"),),
        at=f"/admin/groups/day-crew@{DOMAIN}/change",
        gone=GONE_NAME,
        before=_made("groups", "day-crew"),
        effect=(f"/admin/groups/night-crew@{DOMAIN}", "Those awake"),
    ),
    Form(
        "/admin/groups/{name:path}/join",
        {"member": f"person25@{DOMAIN}"},
        {"member": ""},
        at=f"{_STAFF}/join",
        gone=GONE_NAME,
        effect=(_STAFF, f"person25@{DOMAIN}"),
    ),
    Form(
        "/admin/groups/{name:path}/leave",
        {"member": f"person26@{DOMAIN}"},
        bad=(({"member": f"person27@{DOMAIN}"}, "not in group"),),
        at=f"{_STAFF}/leave",
        gone=GONE_NAME,
        before=((f"{_STAFF}/join", {"member": f"person26@{DOMAIN}"}),),
        not_there=(_STAFF, f"person26@{DOMAIN}"),
    ),
    Form(
        "/admin/groups/{name:path}/remove",
        at=f"/admin/groups/over@{DOMAIN}/remove",
        gone=GONE_NAME,
        before=_made("groups", "over"),
        not_there=("/admin/groups", f"/admin/groups/over@{DOMAIN}"),
    ),
]

LETTING_IN = [
    Form(
        "/admin/ranges",
        {
            "name": "Office",
            "addresses": "198.51.100.0/24",
            "priority": "40",
            "duration": "2h",
            "connections": "5",
            "connection_rate": "60",
            "message_rate": "30",
            "rule-smtp": "on",
        },
        {"name": FREE, "addresses": "", "connections": "empty"},
        bad=(
            ({"name": "Bad", "addresses": "999.0.2.1"}, ""),
            ({"name": "Bad", "addresses": "192.0.2.1", "priority": "-1"}, ""),
        ),
        effect=("/admin/ranges", "198.51.100.0/24"),
    ),
    Form(
        "/admin/ranges/remove",
        {"name": "Gone soon"},
        {"name": ""},
        before=(("/admin/ranges", {"name": "Gone soon", "addresses": "203.0.113.0/24"}),),
        not_there=("/admin/ranges", 'value="Gone soon"'),
    ),
    Form(
        "/admin/bans",
        {"network": "192.0.2.0/24", "reason": "tries passwords", "duration": "2h"},
        {"network": "", "reason": FREE + " long control", "duration": "empty"},
        bad=(({"network": "999.0.2.1"}, ""), ({"duration": "0"}, "")),
        effect=("/admin/bans", "192.0.2.0/24"),
    ),
    Form(
        "/admin/bans/remove",
        {"network": "198.51.100.0/24"},
        {"network": ""},
        before=(("/admin/bans", {"network": "198.51.100.0/24"}),),
        not_there=("/admin/bans", 'value="198.51.100.0/24"'),
    ),
    Form(
        "/admin/removed/restore",
        bad=(({"kind": "account", "name": f"nobody@{DOMAIN}"}, ""), ({"kind": "domain", "name": "x"}, "")),
        note="test_keeping_uses.py",
    ),
    Form(
        "/admin/removed/purge",
        bad=(({"kind": "account", "name": f"nobody@{DOMAIN}"}, ""), ({"kind": "domain", "name": "x"}, "")),
        note="test_keeping_uses.py",
    ),
    Form(
        "/admin/removed/mail",
        {"address": f"anna@{DOMAIN}", "hours": "24"},
        {"address": "", "hours": FREE + " empty long control"},
        bad=(({"address": "no address"}, ""),),
    ),
    Form(
        "/admin/removed/mail/purge",
        {"address": f"anna@{DOMAIN}"},
        bad=(({"address": "no address"}, ""),),
    ),
    Form(
        "/admin/removed/limit",
        {"address": f"anna@{DOMAIN}", "messages": "1000"},
        {"address": "", "messages": ""},
        bad=(({"address": f"anna@{DOMAIN}", "messages": "-1"}, ""),),
    ),
    Form(
        "/admin/suppressions",
        {"address": "bert@there.test", "account": ADMIN, "reason": "left", "duration": "2h"},
        {"address": "", "account": "empty", "reason": FREE + " long control", "duration": "empty"},
        bad=(({"address": "no address"}, ""), ({"address": f"x@{DOMAIN}"}, ""), ({"duration": "0"}, "")),
        effect=("/admin/suppressions", "bert@there.test"),
    ),
    Form(
        "/admin/suppressions/remove",
        {"address": "carl@there.test", "account": ""},
        {"address": "", "account": "empty"},
        before=(("/admin/suppressions", {"address": "carl@there.test"}),),
        not_there=("/admin/suppressions", 'value="carl@there.test"'),
    ),
    Form(
        "/admin/tls/forget",
        bad=(({"domain": "nobody.test"}, ""), ({"domain": "no domain"}, ""), ({"domain": ""}, "")),
        note="test_tls_uses.py",
    ),
    Form(
        "/admin/sessions/disconnect",
        bad=(({"id": "999.1", "account": ""}, ""), ({"id": "<script>", "account": ""}, "")),
        note="test_pages_live.py",
    ),
    Form(
        "/admin/probation/{id:int}/confirm",
        gone=tuple(f"/admin/probation/{each}/confirm" for each in GONE_NUMBER),
        note="test_probation_pages.py",
    ),
    Form(
        "/admin/probation/{id:int}/undo",
        gone=tuple(f"/admin/probation/{each}/undo" for each in GONE_NUMBER),
        note="test_probation_pages.py",
    ),
]


def _machine(server: RunningServer, place: Path, spare: int) -> list[Form]:
    """What concerns the server itself."""
    listener = f"/admin/listeners/127.0.0.1:{server.pop3}"
    return [
        Form(
            "/admin/listeners/add",
            {"protocol": "imap", "port": str(spare), "address": "127.0.0.1", "tls": "none"},
            {"protocol": "", "port": "", "address": "empty", "tls": "empty", "proxy_from": "empty"},
            bad=(
                ({"port": "70000"}, "port"),
                ({"port": "0"}, "port"),
                ({"port": str(server.smtp)}, ""),
                ({"port": "", "path": "relative.sock"}, ""),
                ({"protocol": "lmtp", "port": "", "address": "", "path": "/tmp/\x00"}, ""),
            ),
            effect=("/admin/listeners", f"127.0.0.1:{spare}"),
        ),
        Form(
            "/admin/listeners/{name:path}/change",
            {"port": str(server.pop3), "address": "127.0.0.1", "tls": "none", "proxy_from": ""},
            {"port": "", "address": "empty", "tls": "empty", "proxy_from": "empty"},
            bad=(({"tls": "starttls"}, "Nothing is different"),),
            at=f"{listener}/change",
            gone=GONE_NAME,
            effect=("/admin/audit", "listener.change"),
        ),
        Form(
            "/admin/listeners/{name:path}/remove",
            at=f"/admin/listeners/127.0.0.1:{spare}/remove",
            gone=GONE_NAME,
            effect=("/admin/audit", "listener.remove"),
        ),
        Form("/admin/listeners/reset", effect=("/admin/audit", "listener.reset")),
        Form(
            "/admin/settings/{name}",
            {"smtp.max_recipients": "777"},
            {"smtp.max_recipients": ""},
            bad=(({"smtp.max_recipients": "7"}, "100"), ({"smtp.max_recipients": "9" * 400}, "")),
            at="/admin/settings/smtp.max_recipients",
            gone=("no.such_setting", "%3Cscript%3E", "%00"),
            effect=("/admin/settings?topic=smtp", 'value="777"'),
        ),
        Form(
            "/admin/log/switch",
            {"name": "log.debug", "value": "true"},
            {"name": ""},
            effect=("/admin/audit", "log.debug"),
        ),
        *_queue(),
        Form("/admin/diagnostics", effect=("/admin/diagnostics", "Begun")),
        Form(
            "/admin/setup/certificate",
            {"hosts": "mail.posthouse.test"},
            {"hosts": ""},
            note="test_wizard.py",
        ),
        Form(
            "/admin/setup/dismiss",
            {"name": "backup", "subject": ""},
            {"name": ""},
            note="test_wizard.py",
        ),
        Form("/admin/setup/message", effect=("", "arrived in")),
        Form(
            "/admin/setup/outward",
            {"address": "me@elsewhere.example"},
            {"address": ""},
            bad=(({"address": f"somebody@{DOMAIN}"}, "a domain of this server"),),
            effect=("/admin/setup", "me@elsewhere.example"),
        ),
        Form("/admin/setup/outward/again", effect=("/admin/setup", "me@elsewhere.example")),
        Form(
            "/admin/setup/outward/smart-host",
            {
                "target": "smtp.provider.invalid",
                "port": "587",
                "security": "starttls",
                "username": "",
                "password": "",
            },
            {"port": "empty", "username": "empty", "password": FREE},  # without a user nobody signs in
            bad=(({"security": "rot13"}, "no such security"), ({"port": "99999"}, "")),
            note="test_outward.py",
        ),
        *_certificates(),
        *_backup(place),
        *_webhooks(),
        *_keys(),
        *_routes(),
        *_sending(),
    ]


def _certificates() -> list[Form]:
    here = "/admin/certificates"
    return [
        Form(
            f"{here}/account",
            {"agreed": "on", "contact": ADMIN},
            {"contact": "empty"},
            effect=(f"{here}/account", f'value="{ADMIN}"'),
        ),
        Form(f"{here}/account/key", bad=(({}, ""),), note="test_pages_certificates_backup.py"),
        Form(f"{here}/account/close", bad=(({}, ""),), note="test_pages_certificates_backup.py"),
        Form(
            f"{here}/add",
            {},
            {"chain": "", "key": ""},
            bad=(({"chain": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, ""),),
            secrets=("key",),
            note="test_pages_certificates_backup.py",
        ),
        Form(
            f"{here}/order",
            {},
            {"hosts": ""},
            bad=(
                ({"hosts": "localhost"}, ""),
                ({"hosts": "192.0.2.7"}, ""),
                ({"hosts": "a..b"}, ""),
                (NO_CONTACT, "no address"),
            ),
            note="test_pages_certificates_backup.py",
        ),
        Form(f"{here}/self-made-anew", effect=("/admin/audit", "certificate.self_made")),
        Form(
            f"{here}/{{name}}/renew",
            bad=(({}, ""),),
            at=f"{here}/self-made/renew",
            gone=GONE_NAME,
            note="test_pages_certificates_backup.py",
        ),
        Form(
            f"{here}/{{name}}/remove",
            bad=(({}, ""),),
            at=f"{here}/self-made/remove",
            gone=GONE_NAME,
            note="test_pages_certificates_backup.py",
        ),
    ]


def _backup(place: Path) -> list[Form]:
    here = "/admin/backup"
    return [
        Form(f"{here}/run", bad=(({}, ""),), note="test_pages_certificates_backup.py"),
        Form(f"{here}/prune", bad=(({}, ""),), note="test_pages_certificates_backup.py"),
        Form(
            f"{here}/restore",
            {},
            {"id": "", "at": "", "place": "", "key": ""},
            bad=(
                ({"scope": "domain", "domain": ""}, "needed"),
                ({"scope": "message", "account": ADMIN, "folder": "INBOX", "uid": "-1"}, "UID"),
                ({"scope": "message", "account": ADMIN, "folder": "INBOX", "uid": "4294967296"}, "UID"),
            ),
            secrets=("key",),
            note="test_pages_certificates_backup.py",
        ),
        Form(f"{here}/restore/plan", note="test_pages_certificates_backup.py"),
        Form(
            f"{here}/{{id}}/verify",
            {},
            gone=("20260101T000000Z-00000000", "..%2F..%2Fetc", "%00", "x" * 3000),
            note="test_pages_certificates_backup.py",
        ),
        Form(
            f"{here}/set-up/adopt",
            {},
            {"old_place": "", "key": ""},
            bad=(({"old_place": "/nowhere/at/all"}, ""), ({"old_place": "s3://"}, "")),
            secrets=("key",),
            note="test_pages_certificates_backup.py",
        ),
        Form(
            f"{here}/set-up",
            {
                "place": str(place),
                "times": "04:20",
                "protection": "passphrase",
                "passphrase": NEW,
                "again": NEW,
            },
            {"place": "", "times": "empty", "protection": "", "passphrase": ""},
            bad=(({"again": "another"}, "another passphrase"), ({"times": "25:00"}, "")),
            secrets=("passphrase", "again"),
            effect=(here, str(place)),
        ),
        Form(f"{here}/kept", {"kept": "on"}, effect=("", "first backup")),
    ]


def _keys() -> list[Form]:
    here = "/admin/domains/{name}/keys"
    at = f"/admin/domains/{DOMAIN}/keys"
    key = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g"
    pem = f"-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----"
    return [
        Form(f"{here}/make", at=f"{at}/make", effect=(at, "")),
        Form(f"{here}/check", at=f"{at}/check", effect=(at, "")),
        Form(
            f"{here}/import",
            {"selector": "taken-over", "key": pem},
            {"selector": "", "key": ""},
            bad=(({"selector": "a b"}, "selector"), ({"key": "no key"}, "")),
            at=f"{at}/import",
            effect=(at, "taken-over"),
            secrets=("key",),
        ),
        Form(
            f"{here}/{{selector}}/activate",
            at=f"{at}/taken-over/activate",
            effect=(at, "taken-over"),
        ),
        Form(f"{here}/rotate", at=f"{at}/rotate", note="test_outgoing_pages.py"),
        Form(
            f"{here}/{{selector}}/retire",
            at=f"{at}/taken-over/retire",
            effect=(at, "taken-over"),
        ),
        Form(f"{here}/{{selector}}/remove", at=f"{at}/taken-over/remove", not_there=(at, "taken-over")),
    ]


def _webhooks() -> list[Form]:
    here = "/admin/webhooks"
    given = {"url": "https://other.invalid/hook", "kinds": "backup", "description": "told of backups"}
    fields = {"url": "", "kinds": "empty words", "domain": "empty", "account": "empty", "description": FREE}
    bad: tuple[tuple[Fields, str], ...] = (
        ({"url": "http://user:pw@x.example/"}, ""),
        ({"url": "ftp://x.example/"}, ""),
        ({"kinds": "a/b"}, ""),
    )
    return [
        Form(f"{here}/add", given, fields, bad=bad, effect=(here, "other.invalid")),
        Form(
            f"{here}/{{id:int}}",
            {**given, "description": "changed words", "active": "on"},
            fields,
            bad=bad,
            at=f"{here}/1",
            gone=GONE_NUMBER,
            effect=(f"{here}/1", "changed words"),
        ),
        Form(f"{here}/{{id:int}}/secret", at=f"{here}/1/secret", gone=GONE_NUMBER, effect=(f"{here}/1", "")),
        Form(f"{here}/{{id:int}}/test", at=f"{here}/1/test", gone=GONE_NUMBER, effect=(f"{here}/1", "test")),
        Form(
            f"{here}/{{id:int}}/remove",
            at=f"{here}/1/remove",
            gone=GONE_NUMBER,
            not_there=(here, "receiver.invalid"),
        ),
    ]


def _sending() -> list[Form]:
    here, one = "/admin/sending", f"/admin/sending/person20@{DOMAIN}"
    numbers = (
        "messages_hour",
        "recipients_hour",
        "messages_day",
        "recipients_day",
        "burst_hour",
        "burst_minutes",
    )
    own = f"person21@{DOMAIN}"
    return [
        Form(
            f"{here}/limits",
            {"of": own, "messages_hour": "77"} | dict.fromkeys(numbers[1:], ""),
            {"of": "", **dict.fromkeys(numbers, "empty")},
            bad=(({"of": "nobody@nowhere.example"}, "no account"), ({"of": "nowhere.example"}, "")),
            effect=(f"{here}?of={own}", ">77<"),
        ),
        Form(
            f"{here}/limits/remove",
            {"of": f"person22@{DOMAIN}"},
            {"of": ""},
            before=((f"{here}/limits", {"of": f"person22@{DOMAIN}", "messages_day": "9"}),),
            not_there=(here, f'value="person22@{DOMAIN}"'),
        ),
        Form(
            f"{here}/{{address:path}}/block",
            {"reason": "has left us"},
            {"reason": FREE + " long control"},
            at=f"{one}/block",
            gone=GONE_NAME,
            effect=(one, "has left us"),
        ),
        Form(
            f"{here}/{{address:path}}/unblock",
            at=f"{one}/unblock",
            gone=GONE_NAME,
            before=((f"{one}/block", {"reason": "for a while"}),),
            not_there=(here, f"person20@{DOMAIN}"),
        ),
        Form(
            f"{here}/{{address:path}}/reject",
            bad=(({"what": "delete", "sure": ""}, "cannot be taken back"), ({"sure": "on"}, "No mail")),
            at=f"{here}/person23@{DOMAIN}/reject",
            gone=GONE_NAME,
            note="test_sending_uses.py",
        ),
        Form(
            f"{here}/{{address:path}}/release",
            at=f"{here}/person23@{DOMAIN}/release",
            gone=GONE_NAME,
            effect=(here, ""),
        ),
        Form(
            "/admin/accounts/{address:path}/send-as",
            {"pattern": "office@partner.invalid"},
            {"pattern": ""},
            at=account("person24", "/send-as"),
            gone=GONE_NAME,
            effect=(account("person24"), "office@partner.invalid"),
        ),
        Form(
            "/admin/accounts/{address:path}/send-as-remove",
            {"pattern": "@partner.invalid"},
            {"pattern": ""},
            at=account("person25", "/send-as-remove"),
            gone=GONE_NAME,
            before=((account("person25", "/send-as"), {"pattern": "@partner.invalid"}),),
            not_there=(account("person25"), 'value="@partner.invalid"'),
        ),
    ]


def _routes() -> list[Form]:
    here = "/admin/routes"
    given = {
        "recipient": "other.invalid",
        "target": "mx.other.invalid",
        "description": "by another way",
        "security": "starttls",
        "username": "we",
        "password": SECRET,
        "all_addresses": "on",
    }
    numbers = {"port": "empty", "tries": "empty", "minutes": "empty", "batch": "empty"}
    names = {"sender": "empty", "account": "empty", "etrn_networks": "empty", "etrn_accounts": "empty"}
    unused = dict.fromkeys(("client_id", "client_secret", "refresh_token", "scope", "token_url"), "")
    given |= {"certificate": "mail.posthouse.test", "command": "", **unused}
    fields = {"recipient": "", "target": "empty", "description": FREE, "source": "empty", **numbers, **names}
    bad: tuple[tuple[Fields, str], ...] = (
        ({"recipient": "*", "local_recipients": "on"}, "anybody"),
        ({"security": "none"}, "clear text"),
        ({"protocol": "pipe"}, "command"),
        ({"mechanism": "XOAUTH2"}, "token URL"),
        ({"recipient": "*.invalid", "target": "", "hold": "on"}, "ETRN"),
    )
    one = f"{here}/1"
    smart = {"target": "smart.invalid", "security": "tls", "username": "we", "password": SECRET}
    return [
        Form(f"{here}/add", given, fields, bad=bad, secrets=("password",), effect=(here, "other.invalid")),
        Form(
            f"{here}/{{id:int}}",
            {**given, "recipient": "partner.invalid", "description": "changed words", "all_addresses": ""},
            fields,
            bad=bad,
            at=one,
            gone=GONE_NUMBER,
            secrets=("password",),
            effect=(one, "changed words"),
        ),
        Form(
            f"{here}/{{id:int}}/addresses",
            {"addresses": "new@partner.invalid", "what": "add"},
            {"addresses": ""},
            at=f"{one}/addresses",
            gone=GONE_NUMBER,
            effect=(one, "new@partner.invalid"),
        ),
        Form(
            f"{here}/{{id:int}}/move", {"to": "down"}, at=f"{one}/move", gone=GONE_NUMBER, effect=(here, "")
        ),
        Form(f"{here}/{{id:int}}/release", at=f"{one}/release", gone=GONE_NUMBER, effect=(one, "")),
        Form(f"{here}/{{id:int}}/test", at=f"{one}/test", gone=GONE_NUMBER, effect=("", "Back to the route")),
        Form(
            f"{here}/smart-host",
            smart,
            {"target": "empty", "port": "empty"},
            bad=(({"security": "none"}, "clear text"),),
            secrets=("password",),
            effect=(here, "smart.invalid"),
        ),
        Form(
            f"{here}/source",
            {"domain": DOMAIN, "address": "192.0.2.1"},
            {"domain": "", "address": "empty"},
            effect=(here, "192.0.2.1"),
        ),
        Form(
            f"{here}/{{id:int}}/remove",
            at=f"{one}/remove",
            gone=GONE_NUMBER,
            not_there=(here, "partner.invalid"),
        ),
    ]


PERSON = f"person20@{DOMAIN}"

OWN = [
    Form(
        "/me/password",
        {"current": PASSWORD, "new": NEW, "again": NEW},
        {"current": ""},
        bad=(
            ({"again": "another"}, "differ"),
            ({"new": "x" * 5000, "again": "x" * 5000}, ""),
        ),
        who=f"person21@{DOMAIN}",
        secrets=("current", "new", "again"),
        effect=("/me", "person21"),
    ),
    Form(
        "/me/scheduled/{id:int}/cancel",
        at="/me/scheduled/1/cancel",
        gone=GONE_NUMBER,
        who=PERSON,
        note="test_scheduled_page.py",
    ),
    Form(
        "/me/deleted/restore",
        {"everything": "yes"},
        bad=(({"message": "no id"}, ""), ({"folder": "999999"}, "")),
        who=PERSON,
        note="test_keeping_uses.py",
    ),
    Form(
        "/me/deleted/purge",
        {"everything": "yes"},
        bad=(({"message": "-1"}, ""),),
        who=PERSON,
        note="test_keeping_uses.py",
    ),
    Form(
        "/me/sharing",
        {"name": "Drafts", "who": f"person22@{DOMAIN}", "rights": "letters", "letters": "lrs"},
        {"who": "", "letters": "empty long"},
        bad=(({"name": "Nowhere"}, "no folder"), ({"who": PERSON}, "owner")),
        effect=("/me/sharing", f"person22@{DOMAIN}"),
        who=PERSON,
    ),
    Form(
        "/me/sharing/marks",
        {"name": "INBOX", "own": "yes"},
        bad=(({"name": "Nowhere"}, "no folder"),),
        effect=("/me/sharing", "Saved"),
        who=PERSON,
        note="test_shared_pages.py",
    ),
    Form(
        "/me/sharing/leave",
        {"name": "Public/News"},
        bad=(({"name": "Public/Nowhere"}, "Nobody shares"),),
        who=f"person23@{DOMAIN}",
        not_there=("/me/sharing", "Public/News"),
    ),
    Form(
        "/me/forward",
        {"targets": "away@there.example", "keep": "on", "active": "on"},
        {
            "targets": "",
            **dict.fromkeys(("sender", "recipient", "subject"), FREE + " control"),
            "max_size": "empty",
        },
        bad=(({"targets": f"person22@{DOMAIN}"}, "leads back"),),
        who=f"person22@{DOMAIN}",
        effect=("/me/forward", "away@there.example"),
    ),
    Form(
        "/me/forward/clear",
        who=f"person23@{DOMAIN}",
        before=(("/me/forward", {"targets": "gone@there.example", "active": "on"}),),
        not_there=("/me/forward", "gone@there.example"),
    ),
    Form(
        "/me/let-in/{id:int}/remove",
        gone=tuple(f"/me/let-in/{each}/remove" for each in GONE_NUMBER),
        who=PERSON,
        note="test_oauth_browser.py",
    ),
    Form(
        "/oauth/authorize",
        bad=(({"client_id": "nobody"}, "cannot be let in"),),
        who=PERSON,
        note="test_oauth_browser.py",
    ),
    Form(
        "/device",
        bad=(
            ({"user_code": "BCDF-GHJK"}, "No program waits"),
            ({"user_code": "x" * 5000}, "No program waits"),
        ),
        who=PERSON,
        note="test_oauth_browser.py",
    ),
    Form(
        "/admin/accounts/{address:path}/programs/{id:int}/remove",
        gone=tuple(f"{account('person11', '/programs')}/{each}/remove" for each in GONE_NUMBER),
        note="test_oauth_browser.py",
    ),
    Form(
        "/admin/oauth/clients",
        {"name": "A mail program", "redirect_uris": "https://localhost"},
        {"name": "words script unicode negative", "redirect_uris": "empty"},
        bad=(
            ({"redirect_uris": "http://elsewhere.example/"}, "https"),
            ({"redirect_uris": "javascript:x"}, "scheme"),
        ),
        effect=("/admin/oauth", "A mail program"),
    ),
    Form(
        "/admin/oauth/clients/{id:int}/remove",
        gone=tuple(f"/admin/oauth/clients/{each}/remove" for each in GONE_NUMBER),
        note="test_oauth_browser.py",
    ),
    Form(
        "/me/app-passwords/add",
        {"name": "A phone", "protocols": "imap", "days": "7", "networks": "192.0.2.0/24"},
        {"name": "words script unicode negative", "days": "empty", "networks": "empty"},
        bad=(({"days": "99999"}, ""), ({"networks": "nowhere"}, "")),
        effect=("/me/app-passwords", "A phone"),
        who=PERSON,
    ),
    Form(
        "/me/app-passwords/{id:int}/remove",
        gone=tuple(f"/me/app-passwords/{each}/remove" for each in GONE_NUMBER),
        who=PERSON,
        note="test_stories.py",
    ),
    Form(
        "/me/app-passwords/certificate",
        {"name": "A laptop", "certificate": CLIENT_CERTIFICATE},
        {"name": "words script unicode negative", "certificate": ""},
        effect=("/me/app-passwords", "A laptop"),
        who=PERSON,
    ),
    Form(
        "/me/app-passwords/certificates/{id:int}/remove",
        gone=tuple(f"/me/app-passwords/certificates/{each}/remove" for each in GONE_NUMBER),
        who=PERSON,
        note="test_stories.py",
    ),
    Form(
        "/admin/accounts/{address:path}/password-hash",
        {"kind": "md5", "password_hash": "5ebe2294ecd0e0f08eab7690d2a6ee69"},
        at=account("person11", "/password-hash"),
        bad=(({"password_hash": "5ebe"}, "32 hexadecimal"),),
        gone=GONE_NAME,
        effect=("/admin/accounts-without-scram", "person11"),
    ),
    Form(
        "/admin/accounts/{address:path}/app-passwords",
        {"name": "A tablet", "protocols": "imap", "days": "", "networks": ""},
        {"name": "words script unicode negative", "days": "empty", "networks": "empty"},
        at=account("person11", "/app-passwords"),
        gone=GONE_NAME,
        effect=(account("person11", "/app-passwords"), "A tablet"),
    ),
    Form(
        "/admin/accounts/{address:path}/app-passwords/only",
        {"only": "1"},
        at=account("person11", "/app-passwords/only"),
        gone=GONE_NAME,
        effect=("/admin/audit", "account.app_passwords_only"),
    ),
    Form(
        "/admin/accounts/{address:path}/app-passwords/{id:int}/remove",
        gone=tuple(f"{account('person11', '/app-passwords')}/{each}/remove" for each in GONE_NUMBER),
        note="test_stories.py",
    ),
    Form(
        "/me/tokens/add",
        {"name": "A script", "rights": "view", "days": "7", "networks": "192.0.2.0/24"},
        {
            "name": "words script unicode negative",
            "days": "empty",
            "networks": "empty",
        },
        bad=(({"rights": "nothing"}, ""), ({"days": "99999"}, ""), ({"domains": "nowhere.example"}, "")),
        effect=("/me/tokens", "A script"),
        who=PERSON,
    ),
    Form(
        "/me/tokens/{id:int}/remove",
        gone=tuple(f"/me/tokens/{each}/remove" for each in GONE_NUMBER),
        who=PERSON,
        note="test_stories.py",
    ),
    Form(
        "/me/security/totp",
        {"code": "000000", "name": "A phone"},
        {"code": ""},
        bad=(({"code": "000000"}, ""), ({"code": "１２３４５６"}, "")),
        who=PERSON,
        note="test_stories.py",
    ),
    Form("/me/security/passkey", {"name": "A key"}, {"answer": ""}, who=PERSON, note="test_stories.py"),
    Form("/me/security/codes", bad=(({}, ""),), who=PERSON, note="test_stories.py"),
    Form(
        "/me/security/{id:int}/remove",
        gone=tuple(f"/me/security/{each}/remove" for each in GONE_NUMBER),
        who=PERSON,
        note="no second step is set up on this server",
    ),
    Form(
        "/me/sessions/{id:int}",
        gone=tuple(f"/me/sessions/{each}" for each in GONE_NUMBER),
        who=PERSON,
        note="test_browsers_are_signed_out",
    ),
    Form("/me/sessions/mail", {}, {"id": ""}, who=PERSON, note="test_pages_live.py"),
    Form("/preferences", {"language": "de", "next": "/me"}, who=PERSON, effect=("/me", 'lang="de"')),
    Form(
        "/prove",
        {"password": PASSWORD, "next": "/me/tokens/add"},
        {"password": ""},
        who=PERSON,
        secrets=("password",),
        effect=("/me", PERSON),
    ),
    Form("/sign-out", who=f"person22@{DOMAIN}", effect=("/me", "Sign in")),
]

ANYBODY = [
    Form(
        "/sign-in",
        {"login": f"person23@{DOMAIN}", "password": PASSWORD},
        {"login": "", "password": ""},
        who="",
        secrets=("password",),
        effect=("/me", f"person23@{DOMAIN}"),
    ),
    Form(
        "/sign-in/second",
        {"factor": "totp"},
        {"pending": "", "answer": ""},
        who="",
        note="test_stories.py",
    ),
    Form(
        "/sign-in/link/{link}",
        gone=("nobody-made-this", "%00", "x" * 3000, "%3Cscript%3E"),
        who="",
        note="test_sign_in_link.py",
    ),
    Form("/setup/{token}", gone=("nobody-made-this", "%00", "x" * 3000), who="", note="test_wizard.py"),
    Form("/setup", bad=(({"address": "me@example.org"}, ""),), who="", note="test_wizard.py"),
    Form("/setup/look", bad=(({"hostname": "a"}, ""),), who="", note="test_wizard.py"),
    Form("/setup/finish", bad=(({"password": SECRET, "again": SECRET}, ""),), who="", note="test_wizard.py"),
]


def _queue() -> list[Form]:
    return [
        Form(
            "/admin/queue/steer",
            bad=(
                ({"action": "hold"}, "Nothing was chosen"),
                ({"action": "nonsense", "ids": "1"}, "Nothing was chosen"),
                ({"action": "hold", "ids": "x"}, "no message of the queue"),
                ({"action": "hold", "ids": "9" * 30}, "no message of the queue"),
                ({"action": "retry", "ids": "999999"}, "not in the queue"),
                ({"action": "retry", "every": "on", "older": "soon"}, "older"),
            ),
            note="test_queue_pages.py",
        ),
        Form(
            "/admin/queue/pause",
            {"destination": "stopped.example"},
            bad=(({"destination": ""}, "No destination"), ({"destination": "no domain"}, "no domain name")),
            effect=("/admin/queue/destinations", "stopped.example"),
        ),
        Form(
            "/admin/queue/resume",
            {"destination": "stopped.example"},
            bad=(({"destination": ""}, "No destination"),),
            not_there=("/admin/queue/destinations", "stopped.example"),
        ),
    ]


def _sources() -> list[Form]:
    here, unix = "/admin/sign-in-sources", "/admin/sign-in-sources/unix"
    numbers = {"cache_hours": "0", "timeout": "5", "connections": "8"}
    pam = {"active": "on", "service": "posthouse", **numbers}
    others = {each.name for kind, fields in FIELDS.items() if kind != "pam" for each in fields}
    return [
        Form(
            here + "/new/{kind}",
            {"name": "pam2", **pam},
            # What the other kinds have is nothing to PAM.
            {**dict.fromkeys(others, " ".join(ODD)), "domains": "empty"},
            bad=(
                ({"name": "No Name", **pam}, "no name"),
                ({"name": "pam3", **pam, "timeout": "soon"}, "cannot be read"),
                ({"name": "pam3", **pam, "service": "../x"}, "no PAM service"),
            ),
            at=here + "/new/pam",
            effect=(here, "pam2"),
        ),
        Form(
            here + "/{name}",
            {**pam, "service": "mail-users"},
            {"domains": "empty"},
            bad=(({**pam, "connections": "0"}, "out of range"),),
            at=unix,
            effect=(unix, "mail-users"),
        ),
        Form(
            here + "/{name}/test",
            {"address": ADMIN, "password": "wrong"},
            bad=(({"address": "nobody", "password": "x"}, "address"),),
            at=unix + "/test",
            note="test_ldap_sign_in",
        ),
        Form(
            here + "/{name}/assign",
            bad=(({"account": f"none@{DOMAIN}"}, "no account"),),
            at=unix + "/assign",
            note="test_ldap_sign_in",
        ),
        Form(
            here + "/{name}/sync",
            bad=(({}, "cannot be synchronised"),),
            at=unix + "/sync",
            note="test_ldap_sign_in",
        ),
        Form(
            here + "/{name}/remove",
            before=((here + "/new/pam", {"name": "goes", **pam}),),
            at=here + "/goes/remove",
            not_there=(here, ">goes<"),
        ),
    ]


def _network_lists(place: Path) -> list[Form]:
    here, office = "/admin/network-lists", "/admin/network-lists/office"
    good = {"place": str(place / "networks.txt"), "kind": "block", "refresh": "10m", "active": "on"}
    good |= {f"for-{word}": "on" for word in ("smtp", "imap")}
    (place / "networks.txt").write_text("198.51.100.0/24\n203.0.113.7\n")
    return [
        Form(
            here,
            {"name": "office-2", **good},
            {"refresh": "", "place": "", "name": ""},
            bad=(
                ({"name": "no name", **good}, "none for a list"),
                ({"name": "wrong", **good, "place": "relative.txt"}, "full one"),
                ({"name": "wrong", **good, "place": "https://user:x@lists.example/"}, "no user name"),
                (
                    {"name": "wrong", **good, "place": "https://lists.example/", "refresh": "1m"},
                    "out of range",
                ),
                ({"name": "wrong", **good, "refresh": "soon"}, "no time"),
                ({"name": "wrong", **good, "kind": "perhaps"}, "kind"),
                ({"name": "office", **good}, "already"),
            ),
            effect=(here, "office-2"),
        ),
        Form(
            here + "/{name}",
            {**good, "refresh": "20m"},
            bad=(({**good, "place": "relative.txt"}, "full one"),),
            at=office,
            effect=(office, 'value="20m"'),
        ),
        Form(here + "/{name}/refresh", at=office + "/refresh", effect=(office, "Last try")),
        Form(
            here + "/{name}/remove",
            before=((here, {"name": "goes", **good}),),
            at=here + "/goes/remove",
            not_there=(here, ">goes<"),
        ),
    ]
