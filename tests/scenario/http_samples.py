"""What tests of who may what over HTTP send: the samples of the uses, forms for every page that takes one, and the
fixed places. A new route, page or place without its sample makes the tests fail and say what to add where."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from posthouse.api.route import Route
from posthouse.api.table import names_in
from posthouse.manage.use import uses
from posthouse.web import all as _every_page  # noqa: F401 - registers them
from posthouse.web.page import Page

SAMPLES: dict[str, tuple[dict[str, Any], str]] = {}
for _file in sorted((Path(__file__).parents[1] / "unit" / "manage" / "samples").glob("*.py")):
    SAMPLES.update(runpy.run_path(str(_file))["SAMPLES"])

SAMPLES["backup.init"] = ({"place": "/dev/null/nowhere"}, "server")  # where nothing can be made

NAMES = {"domain": "own.example", "address": "anna@own.example", "alias": "info@own.example"}

MAY = {
    "server": {"server"},
    "domain": {"server", "domain"},
    "owner": {"server", "domain", "user"},
    "each administrator": {"server", "domain", "other domain"},
    "each": {"server", "domain", "other domain", "user"},
}
"""Whose sessions may do what a sample says."""

PLACES = {
    "/health/live": "anyone",
    "/health/ready": "anyone",
    "/metrics": "server",
    "/mail/config-v1.1.xml": "anyone",
    "/.well-known/autoconfig/mail/config-v1.1.xml": "anyone",
    "/autodiscover/autodiscover.xml": "anyone",
    "/autodiscover/autodiscover.json": "anyone",
    "/autodiscover/autodiscover.json/": "anyone",
    "/Autodiscover/Autodiscover.xml": "anyone",
    "/Autodiscover/Autodiscover.json": "anyone",
    "/Autodiscover/Autodiscover.json/": "anyone",
    "/AutoDiscover/AutoDiscover.xml": "anyone",
    "/AutoDiscover/AutoDiscover.json": "anyone",
    "/AutoDiscover/AutoDiscover.json/": "anyone",
    "/mobileconfig": "anyone",
    "/.well-known/mta-sts.txt": "anyone",
}
"""The fixed places, and who learns something there."""

PARTS = {
    "/admin/accounts/{address:path}": "anna@own.example",
    "/admin/aliases/{address:path}": "info@own.example",
    "/admin/lists/{address:path}": "news@own.example",
    "/me/lists/{address:path}": "news@own.example",
    "/admin/sign-in-sources/new/{kind}": "pam",
    "/admin/sign-in-sources/{name}": "corp",
    "/admin/network-lists/{name}": "drop",
    "/admin/groups/{name:path}": "staff@own.example",
    "/admin/shared/mailbox/{address:path}": "anna@own.example",
    "/admin/shared/folder/{name:path}": "News",
    "/admin/domains/{name}": "own.example",
    "/admin/certificates/{name}": "mail.hq.example",
    "/admin/listeners/{name:path}": "*:143",
    "/admin/settings/{name}": "smtp.max_message_size",
    "/admin/sending/{address:path}": "anna@own.example",
    "/sign-in/link/{link}": "a-link-that-nobody-made",
    "/setup/{token}": "a-token-that-nobody-made",
}
"""What stands in the place of a name in a page's path; numbers are 1."""

FORMS: dict[str, dict[str, Any]] = {
    "/admin/accounts/add": {"name": "new", "domain": "own.example", "password": "a good one"},
    "/admin/accounts/import": {"text": "new@own.example,a good one\n"},
    "/admin/accounts/{address:path}/person": {"display_name": "Anna"},
    "/admin/accounts/{address:path}/limits": {"protocols": "imap"},
    "/admin/accounts/{address:path}/rename": {"new": "renamed@own.example", "keep": "on"},
    "/admin/accounts/{address:path}/addresses": {"further": "further@own.example"},
    "/admin/accounts/{address:path}/addresses-remove": {"further": "further@own.example"},
    "/admin/accounts/{address:path}/masked": {"masked": "none@own.example", "action": "off"},
    "/admin/accounts/{address:path}/sign-out": {},
    "/admin/accounts/{address:path}/empty": {"confirm": "anna@own.example"},
    "/admin/aliases-import": {"text": "new@own.example,anna@own.example\n"},
    "/admin/aliases/{address:path}/change": {"targets": "anna@own.example", "active": "on"},
    "/me/addresses": {"note": "a shop"},
    "/me/addresses/change": {"masked": "none@own.example", "action": "off"},
    "/me/profile": {"display_name": "Myself"},
    "/admin/lists": {"address": "fresh@own.example", "mode": "public"},
    "/admin/lists/{address:path}": {
        "mode": "public",
        "moderation": "none",
        "joining": "closed",
        "replies": "sender",
    },
    "/admin/lists/{address:path}/join": {"member": "zoe@far.example"},
    "/admin/lists/{address:path}/import": {"text": "address\nzoe@far.example\n"},
    "/admin/lists/{address:path}/leave": {"member": "zoe@far.example"},
    "/admin/lists/{address:path}/switch": {"member": "zoe@far.example", "active": "no"},
    "/admin/lists/{address:path}/approve": {"post": "1"},
    "/admin/lists/{address:path}/reject": {"post": "1", "reason": "no"},
    "/admin/lists/{address:path}/remove": {},
    "/me/lists/quit": {"address": "news@own.example"},
    "/me/lists/{address:path}/join": {"member": "zoe@far.example"},
    "/me/lists/{address:path}/leave": {"member": "zoe@far.example"},
    "/me/lists/{address:path}/approve": {"post": "1"},
    "/me/lists/{address:path}/reject": {"post": "1"},
    "/admin/sign-in-sources/new/{kind}": {"name": "more", "active": "on", "service": "posthouse"},
    "/admin/sign-in-sources/{name}": {"active": "on", "service": "posthouse"},
    "/admin/sign-in-sources/{name}/test": {"address": "anna@own.example", "password": "x"},
    "/admin/sign-in-sources/{name}/assign": {"account": "anna@own.example", "take": "away"},
    "/admin/sign-in-sources/{name}/sync": {},
    "/admin/sign-in-sources/{name}/remove": {},
    "/admin/groups": {"name": "fresh@own.example"},
    "/admin/shared": {"address": "desk@own.example"},
    "/admin/shared/mailbox/{address:path}": {"keep_sent": "on"},
    "/admin/shared/mailbox/{address:path}/member": {"who": "anyone", "rights": "read"},
    "/admin/shared/public": {"name": "News"},
    "/admin/shared/folder/{name:path}/rights": {"who": "anyone", "rights": "read"},
    "/admin/shared/folder/{name:path}/marks": {"own": "on"},
    "/admin/shared/folder/{name:path}/remove": {},
    "/me/sharing": {"name": "INBOX", "who": "anyone", "rights": "read"},
    "/me/sharing/marks": {"name": "INBOX", "own": "yes"},
    "/me/sharing/leave": {"name": "Public/News"},
    "/admin/groups/{name:path}/change": {"new_name": "staff@own.example", "description": "All"},
    "/admin/groups/{name:path}/join": {"member": "anna@own.example"},
    "/admin/groups/{name:path}/leave": {"member": "anna@own.example"},
    "/admin/groups/{name:path}/remove": {},
    "/admin/aliases": {"address": "new@own.example", "targets": "anna@own.example"},
    "/admin/certificates/account": {"agreed": "on", "mail": "root@hq.example"},
    "/admin/certificates/account/close": {"confirm": "on"},
    "/admin/certificates/account/key": {},
    "/admin/certificates/add": {"chain": "x", "key": "x"},
    "/admin/certificates/order": {"hosts": "mail.hq.example"},
    "/admin/certificates/self-made-anew": {},
    "/admin/certificates/{name}/remove": {},
    "/admin/certificates/{name}/renew": {},
    "/admin/diagnostics": {},
    "/admin/domains": {"name": "new.example"},
    "/admin/domain-templates": {"template": "small", "domain": "own.example"},
    "/admin/domain-templates/remove": {"template": "small"},
    "/admin/domains/{name}/remove": {},
    "/admin/domains/{name}/settings": {"active": "on", "plus": "+"},
    "/admin/domains/{name}/settings/names": {"other": "other.example"},
    "/admin/domains/{name}/settings/names/remove": {"other": "other.example"},
    "/admin/domains/{name}/settings/rename": {"new": "renamed.example", "keep": "on"},
    "/admin/domains/{name}/keys/check": {},
    "/admin/domains/{name}/keys/import": {"selector": "mail", "key": "no key"},
    "/admin/domains/{name}/keys/make": {},
    "/admin/domains/{name}/keys/rotate": {},
    "/admin/domains/{name}/keys/{selector}/activate": {},
    "/admin/domains/{name}/keys/{selector}/remove": {},
    "/admin/domains/{name}/keys/{selector}/retire": {},
    "/admin/setup/certificate": {"hosts": "mail.new.example"},
    "/admin/setup/dismiss": {"name": "backup"},
    "/admin/setup/message": {},
    "/admin/setup/outward": {"address": "me@elsewhere.example"},
    "/admin/setup/outward/again": {},
    "/admin/setup/outward/smart-host": {"target": "smtp.provider.example", "security": "starttls"},
    "/admin/accounts/{address:path}/active": {"active": "0"},
    "/admin/accounts/{address:path}/password-hash": {
        "kind": "md5",
        "password_hash": "5ebe2294ecd0e0f08eab7690d2a6ee69",
    },
    "/admin/accounts/{address:path}/app-passwords": {"name": "phone", "protocols": ["imap"]},
    "/admin/accounts/{address:path}/app-passwords/only": {"only": "1"},
    "/admin/accounts/{address:path}/app-passwords/{id:int}/remove": {},
    "/admin/accounts/{address:path}/factors": {},
    "/admin/accounts/{address:path}/archive": {
        "mail": "all",
        "action": "move",
        "folder": "Old",
        "days": "30",
    },
    "/admin/accounts/{address:path}/archive/clear": {},
    "/admin/accounts/{address:path}/auto-reply": {"plain": "I am away.", "days": "7", "audience": "everyone"},
    "/admin/accounts/{address:path}/auto-reply/clear": {},
    "/admin/accounts/{address:path}/signature": {"plain": "Anna"},
    "/admin/domains/{name}/archive": {"mail": "all", "action": "move", "folder": "Old", "days": "30"},
    "/admin/domains/{name}/archive/clear": {},
    "/admin/domains/{name}/signature": {"plain": "The office", "method": "append"},
    "/admin/journal": {"address": "journal@there.example"},
    "/admin/journal/remove": {"of": "server"},
    "/me/archive": {"mail": "all", "action": "move", "folder": "Old", "days": "30"},
    "/me/archive/clear": {},
    "/me/auto-reply": {"plain": "I am away.", "days": "7", "audience": "everyone"},
    "/me/auto-reply/clear": {},
    "/me/signature": {"plain": "Anna"},
    "/admin/accounts/{address:path}/forward": {"targets": "elsewhere@there.example", "active": "on"},
    "/admin/accounts/{address:path}/forward/clear": {},
    "/admin/accounts/{address:path}/password": {"password": "taken over"},
    "/admin/accounts/{address:path}/quota": {"quota": "1G"},
    "/admin/accounts/{address:path}/remove": {"confirm": "anna@own.example"},
    "/admin/accounts/{address:path}/role": {"role": "server"},
    "/admin/accounts/{address:path}/sessions/{id:int}": {},
    "/admin/aliases/{address:path}/remove": {},
    "/admin/probation/{id:int}/confirm": {},
    "/admin/probation/{id:int}/undo": {},
    "/admin/queue/pause": {"destination": "own.example"},
    "/admin/queue/resume": {"destination": "own.example"},
    "/admin/queue/steer": {"action": "hold", "ids": "1"},
    "/admin/settings/{name}": {"smtp.max_message_size": "1M"},
    "/me/forward": {"targets": "elsewhere@there.example", "active": "on"},
    "/me/forward/clear": {},
    "/me/scheduled/{id:int}/cancel": {},
    "/me/password": {"current": "correct horse", "new": "another one", "again": "another one"},
    "/me/security/codes": {},
    "/me/security/passkey": {"answer": "{}", "name": "key"},
    "/me/security/totp": {"code": "123456", "name": "phone"},
    "/me/security/{id:int}/remove": {},
    "/me/sessions/{id:int}": {},
    "/me/app-passwords/add": {"name": "phone", "protocols": ["imap"]},
    "/me/app-passwords/{id:int}/remove": {},
    "/me/let-in/{id:int}/remove": {},
    "/admin/accounts/{address:path}/programs/{id:int}/remove": {},
    "/admin/oauth/clients": {"name": "Thunderbird", "redirect_uris": "https://localhost"},
    "/admin/oauth/clients/{id:int}/remove": {},
    "/oauth/authorize": {"client_id": "nobody", "decision": "yes"},
    "/device": {"user_code": "BCDF-GHJK"},
    "/me/app-passwords/certificate": {"name": "laptop", "certificate": "none"},
    "/me/app-passwords/certificates/{id:int}/remove": {},
    "/me/tokens/add": {"name": "script", "rights": ["view"]},
    "/me/tokens/{id:int}/remove": {},
    "/preferences": {"theme": "dark"},
    "/prove": {"password": "correct horse"},
    "/setup": {"address": "root@new.example"},
    "/setup/finish": {"password": "a good one", "again": "a good one"},
    "/setup/look": {"hostname": "mail.new.example"},
    "/setup/{token}": {},
    "/sign-in": {"login": "anna@own.example", "password": "wrong"},
    "/sign-in/second": {"pending": "x", "factor": "totp", "answer": "123456"},
    "/sign-in/link/{link}": {},
    "/sign-out": {},
    "/admin/backup/kept": {},
    "/admin/backup/prune": {},
    "/admin/backup/restore": {"id": "1"},
    "/admin/backup/restore/plan": {},
    "/admin/backup/run": {},
    "/admin/backup/set-up": {"place": "/dev/null/nowhere"},
    "/admin/backup/set-up/adopt": {"place": "/dev/null/nowhere"},
    "/admin/backup/{id}/verify": {},
    "/admin/ranges": {"name": "office", "addresses": "192.0.2.0/24"},
    "/admin/ranges/remove": {"name": "office"},
    "/admin/network-lists": {
        "name": "more",
        "place": "/nowhere/list.txt",
        "refresh": "12h",
        "kind": "block",
        "for-smtp": "on",
    },
    "/admin/network-lists/{name}": {
        "place": "/nowhere/list.txt",
        "refresh": "12h",
        "kind": "block",
        "for-smtp": "on",
    },
    "/admin/network-lists/{name}/refresh": {},
    "/admin/network-lists/{name}/remove": {},
    "/admin/bans": {"network": "192.0.2.0/24"},
    "/admin/bans/remove": {"network": "192.0.2.0/24"},
    "/admin/listeners/add": {"protocol": "imap", "port": "2143"},
    "/admin/listeners/reset": {},
    "/admin/listeners/{name:path}/change": {"port": "2143"},
    "/admin/listeners/{name:path}/remove": {},
    "/me/deleted/restore": {"everything": "yes"},
    "/me/deleted/purge": {"everything": "yes"},
    "/admin/removed/restore": {"kind": "account", "name": "gone@own.example"},
    "/admin/removed/purge": {"kind": "account", "name": "gone@own.example"},
    "/admin/removed/mail": {"address": "anna@own.example", "hours": "24"},
    "/admin/removed/mail/purge": {"address": "anna@own.example"},
    "/admin/removed/limit": {"address": "anna@own.example", "messages": "1000"},
    "/admin/suppressions": {"address": "bert@there.test"},
    "/admin/suppressions/remove": {"address": "bert@there.test"},
    "/admin/accounts/{address:path}/send-as": {"pattern": "info@own.example"},
    "/admin/accounts/{address:path}/send-as-remove": {"pattern": "info@own.example"},
    "/admin/sending/limits": {"of": "own.example", "messages_hour": "10"},
    "/admin/sending/limits/remove": {"of": "own.example"},
    "/admin/sending/{address:path}/block": {"reason": "left"},
    "/admin/sending/{address:path}/reject": {"what": "delete", "sure": "on"},
    "/admin/sending/{address:path}/release": {},
    "/admin/sending/{address:path}/unblock": {},
    "/admin/tls/forget": {"domain": "there.test"},
    "/admin/log/switch": {"level": "debug"},
    "/admin/sessions/disconnect": {"id": "1"},
    "/me/sessions/mail": {"id": "1"},
    "/admin/routes/add": {"recipient": "partner.example", "target": "mx.partner.example"},
    "/admin/routes/smart-host": {"target": "smart.example"},
    "/admin/routes/source": {"domain": "own.example", "address": "192.0.2.1"},
    "/admin/routes/{id:int}": {"recipient": "partner.example", "target": "mx.partner.example"},
    "/admin/routes/{id:int}/addresses": {"addresses": "anna@partner.example"},
    "/admin/routes/{id:int}/move": {"to": "up"},
    "/admin/routes/{id:int}/release": {},
    "/admin/routes/{id:int}/remove": {},
    "/admin/routes/{id:int}/test": {},
    "/admin/webhooks/add": {"name": "hook", "url": "https://hook.example/", "kinds": ["account.added"]},
    "/admin/webhooks/{id:int}": {"name": "hook"},
    "/admin/webhooks/{id:int}/remove": {},
    "/admin/webhooks/{id:int}/secret": {},
    "/admin/webhooks/{id:int}/test": {},
}
"""What the pages that take a form are sent: something that would change own.example, or the server."""


def filled(value: Any) -> Any:
    """Parameters with the names of own.example in them."""
    if isinstance(value, str):
        for name, text in NAMES.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, dict):
        return {key: filled(each) for key, each in value.items()}
    return [filled(each) for each in value] if isinstance(value, list) else value


def request_of(route: Route) -> tuple[str, Any]:
    """The address below the API's prefix, with its query, and the JSON of the body (None: no body)."""
    given = {**filled(SAMPLES[route.use][0])}
    for name in route.fixed:
        given.pop(name, None)
    inside = names_in(route.path)
    path = route.path
    for name in inside:
        path = path.replace(f"{{{name}}}", quote(str(given.pop(name, "1")), safe=""))
    if route.method in ("GET", "DELETE"):
        pairs = {
            name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()
        }
        return f"{path}?{urlencode(pairs, True)}" if pairs else path, None
    known = {field.encode_name for field in msgspec.structs.fields(uses()[route.use].parameters)}
    return path, {name: value for name, value in given.items() if name in known}


def path_of(page: Page) -> str:
    """The page's address about things of own.example."""
    path = page.path
    for start, value in sorted(PARTS.items(), key=lambda each: -len(each[0])):
        if path.startswith(start):
            path = path.replace(start, re.sub(r"\{[^}]*\}", value, start), 1)
    return re.sub(r"\{[^}]*\}", "1", path)
