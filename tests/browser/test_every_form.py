"""Every form of every page, with input that is no good and input that is (``forms_table``).

What is no good gets a complaint beside its field or in the alert, keeps what was typed but never a password, is
answered with 4xx, and leaves no trace of trouble in the log (the fixture ``server`` looks). What is good shows its
effect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from forms_table import NEW, ODD, SECRET, Form, forms
from free_ports import free_port
from plain import Answer, Plain, Read
from running import PASSWORD, RunningServer
from starlette.routing import compile_path
from test_every_page import paths, seen

from conftest import Open
from house import ADMIN, DOMAIN, USER
from posthouse.web import all as every_page
from posthouse.web.page import pages

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(900)]

KEPT_KINDS = ("text", "email", "textarea", "number", "search")
REGISTERED = [(page.path, compile_path(page.path)[0]) for page in pages() if page.method == "POST"]


@pytest.fixture(scope="module")
def table(server: RunningServer) -> list[Form]:
    """The table, on a server that does not slow this many tries down."""
    for name, value in {
        "http.rate": "100000",
        "http.burst": "1000000",
        "identity.most_failures": "10000",
        "signin.free_failures": "100",
        "signin.first_delay": "0.1s",
        "signin.longest_delay": "1s",
        "manage.probation_time": "1h",
    }.items():
        server.command("setting", "set", name, value)
    return forms(server, free_port())


class People:
    """Who is signed in, each once."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._known: dict[str, Plain] = {}

    def __getitem__(self, address: str) -> Plain:
        if address not in self._known:
            self._known[address] = Plain(self._server, address)
        return self._known[address]


@pytest.fixture(scope="module")
def people(server: RunningServer) -> People:
    return People(server)


def registered(address: str) -> str:
    """The page that a form is sent to; "" for none."""
    path = address.partition("?")[0]
    return next((name for name, pattern in REGISTERED if pattern.match(path)), "")


def test_every_form_is_in_the_table(table: list[Form]) -> None:
    assert every_page
    known = {each.path for each in table}
    missing = [name for name, _ in REGISTERED if name not in known]
    assert not missing, (
        f"no input is tried for {missing}: add a Form(path, good fields, takes={{field: kinds of ODD it takes}}) to "
        "tests/browser/forms_table.py"
    )
    assert len(known) == len(table), "a path stands in the table twice"
    assert known <= {name for name, _ in REGISTERED}, "the table has forms of pages that are gone"


def test_every_field_is_in_the_table(table: list[Form], people: People, server: RunningServer) -> None:
    """The forms that the pages show: each leads to a page, carries the secret, and has no field that nobody tries."""
    by_path = {each.path: each for each in table}
    untried: dict[str, set[str]] = {}
    for page in seen():
        if page.path.endswith("/events") or page.path == "/admin/log/lines":
            continue
        for path in paths(page):
            for form in people[ADMIN].get(path).read.forms:
                if form.method != "post":
                    continue
                name = registered(form.action)
                assert name, f"{path} has a form to {form.action}, where no page is"
                assert "csrf" in form.values, f"{path}: the form to {form.action} is without its secret"
                entry = by_path[name]
                tried = {*entry.takes, *entry.good, *(field for fields, _ in entry.bad for field in fields)}
                typed = {field for field, kind in form.kinds.items() if kind in (*KEPT_KINDS, "password")}
                left = typed - tried - {"username"}
                if left and name != "/admin/settings/{name}":  # one of its many is tried
                    untried.setdefault(name, set()).update(left)
    assert not untried, "nobody tries these fields: name them in the entries of tests/browser/forms_table.py"


def odd_ones(form: Form) -> Iterator[tuple[str, dict[str, str], str]]:
    """Each bad input: a name for it, the fields, and words that its complaint must have."""
    for field, taken in form.takes.items():
        for kind, value in ODD.items():
            if kind not in taken.split():
                shown = SECRET if kind == "words" and field in form.secrets and field != "key" else value
                yield f"{field} {kind}", {**form.good, field: shown}, ""
    for fields, words in form.bad:
        yield f"{fields}"[:80], {**form.good, **fields}, words


def test_bad_input_is_refused_in_words(table: list[Form], people: People) -> None:
    wrong = []
    for form in table:
        person = people[form.who]
        for path, fields in form.before:
            assert person.post(path, fields).status == 303, (form.path, path)
        for name, sent, words in odd_ones(form):
            answer = person.post(form.address, sent)
            wrong += [f"{form.address} {name}: {each}" for each in complaints(form, sent, words, answer)]
        for address in form.gone:
            head, _, tail = form.path.partition("{")
            whole = address if address.startswith("/") else head + address + tail.partition("}")[2]
            answer = person.post(whole, form.good)
            wrong += [f"{whole[:80]}: {each}" for each in complaints(form, {}, "", answer)]
    assert not wrong, "\n" + "\n".join(wrong)


def complaints(form: Form, sent: dict[str, str], words: str, answer: Answer) -> Iterator[str]:
    """What is not right in the answer to a bad input."""
    if not 400 <= answer.status < 500:
        yield f"answered with {answer.status} {answer.location}"
        return
    read = answer.read
    said = " ".join(read.complaints)
    if not said:
        yield f"{answer.status} without a complaint"
    elif words.lower() not in said.lower():
        yield f"{words!r} is not said, but {said[:200]!r}"
    if len(said) > 4000:
        yield f"the complaint has {len(said)} characters"
    if read.inline_scripts or SECRET in answer.text or f'value="{PASSWORD}"' in answer.text:
        yield "a script or a password is in the page"
    yield from lost(form, sent, read)


def lost(form: Form, sent: dict[str, str], read: Read) -> Iterator[str]:
    """Fields whose values the page does not show again."""
    for shown in read.forms:
        if shown.action.partition("?")[0] != form.address:
            continue
        for field, value in sent.items():
            kind = shown.kinds.get(field, "")
            if kind == "password" and shown.values[field]:
                yield f"the password {field} is shown"
            if (
                kind in KEPT_KINDS
                and field not in form.secrets
                and plain(shown.values[field]) != plain(value)
            ):
                yield f"{field} is lost: {shown.values[field][:60]!r}"


def plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def test_good_input_shows_its_effect(table: list[Form], server: RunningServer) -> None:
    wrong = [
        each for form in table if not form.note for each in missing_effects(form, Plain(server, form.who))
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def missing_effects(form: Form, person: Plain) -> Iterator[str]:
    """What a form with good input did not bring about."""
    for path, fields in form.before:
        person.post(path, fields)
    answer = person.post(form.address, form.good)
    if answer.status not in (200, 303):
        yield f"{form.address}: {answer.status} {answer.read.complaints}"
        return
    shown = person.follow(answer)
    page, text = form.effect
    if page:
        shown = person.follow(person.get(page))
    if shown.status != 200 or text not in shown.text:
        yield f"{form.address}: {page or 'the answer'} ({shown.status}) does not show {text!r}"
    page, text = form.not_there
    if page and text in person.get(page).text:
        yield f"{form.address}: {page} still shows {text!r}"


def test_passwords_are_set(server: RunningServer, table: list[Form]) -> None:
    """By the administrator: the new one signs in, the old one does not; left empty, one is made and shown."""
    address, boss = f"person30@{DOMAIN}", Plain(server, ADMIN)
    assert boss.post(f"/admin/accounts/{address}/password", {"password": NEW}).status == 303
    assert Plain(server).post("/sign-in", {"login": address, "password": NEW}).status == 303
    assert Plain(server).post("/sign-in", {"login": address, "password": PASSWORD}).status == 403
    made = boss.post(f"/admin/accounts/{address}/password", {"password": ""})
    assert made.status == 200
    shown = re.search(r"[a-z2-9]{5}(?:-[a-z2-9]{5}){3}", made.text)
    assert shown
    assert Plain(server).post("/sign-in", {"login": address, "password": shown[0]}).status == 303


def test_browsers_are_signed_out(server: RunningServer, table: list[Form]) -> None:
    """One's own other browser, and by the administrator anybody's; not somebody else's by a user."""
    address = f"person31@{DOMAIN}"
    here, there, boss = Plain(server, address), Plain(server, address), Plain(server, ADMIN)
    page = here.get("/me/sessions").text
    other = re.search(r'action="(/me/sessions/\d+)"', page)
    assert other
    assert Plain(server, USER).post(other[1]).status == 404
    assert here.post(other[1]).status == 303
    assert there.get("/me").status == 303
    own = re.search(
        rf'action="(/admin/accounts/{address}/sessions/\d+)"', boss.get(f"/admin/accounts/{address}").text
    )
    assert own
    assert boss.post(own[1]).status == 303
    assert here.get("/me").status == 303


ONE_PER_PAGE = (
    ("/admin/domains", "#f-name", "not a domain"),
    ("/admin/accounts/add", "#f-name", "two words"),
    ("/admin/accounts/import", "#f-text", "no columns here"),
    (f"/admin/accounts/{USER}", "#f-quota", "far too much"),
    (f"/admin/accounts/{USER}/remove", "#f-confirm", "somebody else"),
    ("/admin/aliases", "#f-address", "no address"),
    ("/admin/bans", "#f-network", "999.1.1.1"),
    ("/admin/listeners/add", "#f-port", "70000"),
    ("/admin/webhooks/add", "#f-url", "nowhere"),
    ("/admin/routes/add", "#f-recipient", "two words"),
    ("/admin/routes/smart-host", "#f-target", "two words"),
    ("/admin/certificates/order", "#f-hosts", "a..b"),
    ("/admin/certificates/account", "#f-contact", "no address"),
    ("/admin/backup/set-up", "#f-place", "here"),
    ("/me/tokens/add", "#f-days", "soon"),
)
"""A form of each page, for a browser: the field, and what is no good in it."""


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize("width", ["desk", "phone"])
def test_complaints_in_the_browser(visit: Open, table: list[Form], width: str, scripts: bool) -> None:
    """The field that is wrong has the reason below it, keeps its value, and with a script the focus. ``required`` and
    such are taken off: what the server says is looked at."""
    watched = visit("server", width, java_script_enabled=scripts)
    page = watched.page
    for path, field, value in ONE_PER_PAGE:
        page.goto(path)
        form = page.locator("main form").filter(has=page.locator(field))
        for other in form.locator("input[required], textarea[required]").all():
            if other.is_visible():
                other.fill("something")
        if form.locator("#f-force").count():  # an earlier test has set up backups: begin anew
            form.locator("#f-force").check()
        form.locator(field).fill(value)
        button = form.locator("button:not([type=button])").first
        if scripts:
            button.evaluate("(it) => { it.form.noValidate = true; it.disabled = false; }")
        with page.expect_navigation():
            button.click()
        assert page.locator(field).input_value() == value, path
        said = page.locator(f"{field}-wrong, main [role=alert]").all_inner_texts()
        assert "".join(said).strip(), path
        if scripts:
            watched.look(axe=False)
            watched.picture(f"wrong{path.replace('/', '-').replace('@', '-').replace('.', '-')}-{width}")
