"""A browser without eyes: it keeps cookies, sends forms by plain HTTP, and reads what an answer says about them."""

from __future__ import annotations

import http.client
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

from running import PASSWORD, RunningServer

KIND = "application/x-www-form-urlencoded"
VOID = {"input", "meta", "link", "img", "br", "hr", "use", "path", "rect", "circle", "line", "polyline"}


@dataclass
class Shown:
    """A form of a page: where it goes, and what its fields hold now."""

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)


class Read(HTMLParser):
    """What a page says: its forms, its complaints (beside fields, in the alert, of an error page), its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Shown] = []
        self.complaints: list[str] = []
        self.inline_scripts = 0
        self.csrf = ""
        self._open: list[tuple[str, str]] = []
        self._form: Shown | None = None
        self._area = self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Shown(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag in ("input", "textarea", "select", "button") and self._form is not None:
            self._note(tag, given)
        elif tag == "option" and self._form is not None and self._select:
            if "selected" in given or not self._form.values[self._select]:
                self._form.values[self._select] = given.get("value", "")
        elif tag == "script" and "src" not in given:
            self.inline_scripts += 1
        if tag not in VOID:
            self._open.append((tag, self._mark(tag, given)))

    def _mark(self, tag: str, given: dict[str, str]) -> str:
        """What the text inside is: a complaint, or nothing of note."""
        if "hidden" in given or tag == "noscript":
            return "hidden"
        wrong = {"wrong", "error-page"} & set(given.get("class", "").split())
        return "complaint" if wrong or given.get("role") == "alert" else ""

    def _note(self, tag: str, given: dict[str, str]) -> None:
        assert self._form is not None
        name, kind = given.get("name", ""), given.get("type", tag)
        if name == "csrf":
            self.csrf = given["value"]
        if not name or tag == "button":
            return
        self._form.kinds[name] = kind
        if kind != "checkbox" or "checked" in given or name not in self._form.values:
            self._form.values[name] = (
                given.get("value", "") if kind != "checkbox" or "checked" in given else ""
            )
        self._area = name if tag == "textarea" else ""
        self._select = name if tag == "select" else ""

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if tag == "form":
            self._form = None
        if tag in ("textarea", "select"):
            self._area = self._select = ""
        while self._open:
            if self._open.pop()[0] == tag:
                break

    def handle_data(self, data: str) -> None:
        if self._area and self._form is not None:
            whole = self._form.values[self._area] + data
            self._form.values[self._area] = whole
        marks = {mark for _, mark in self._open}
        if "complaint" in marks and "hidden" not in marks and data.strip():
            self.complaints.append(" ".join(data.split()))


@dataclass
class Answer:
    """What the server said."""

    status: int
    location: str
    text: str

    @property
    def read(self) -> Read:
        """The page, read."""
        return Read(self.text)


class Plain:
    """Somebody signed in (or nobody), by plain HTTP."""

    def __init__(self, server: RunningServer, address: str = "", password: str = PASSWORD) -> None:
        self._port = server.http
        self.cookies: dict[str, str] = {}
        self.csrf = ""
        if address:
            answer = self.post("/sign-in", {"login": address, "password": password})
            assert answer.status == 303, answer.text[-2000:]
            self.renew()

    def renew(self) -> None:
        """Read the form's secret of the session anew; it changes with every proof."""
        self.csrf = self.get("/me").read.csrf
        assert self.csrf

    def get(self, path: str) -> Answer:
        """Open an address."""
        return self._ask("GET", path)

    def post(self, path: str, fields: dict[str, str] | None = None) -> Answer:
        """Send a form with its secret."""
        given = {"csrf": self.csrf, **(fields or {})}
        return self._ask("POST", path, urlencode(given).encode())

    def follow(self, answer: Answer) -> Answer:
        """The page that an answer leads to; the answer itself where it leads nowhere."""
        for _ in range(4):
            if answer.status != 303:
                break
            answer = self.get(answer.location)
        return answer

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if body is not None:
            headers["Content-Type"] = KIND
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, path.partition("#")[0], body, headers)
            got = connection.getresponse()
            text = got.read().decode()
        finally:
            connection.close()
        for line in got.headers.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        return Answer(got.status, got.headers.get("Location", ""), text)
