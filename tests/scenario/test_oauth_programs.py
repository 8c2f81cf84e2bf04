"""A mail program that signs in by a page in the browser, from its registration to the day it is shut out, against a
running server; and what does not hold on the way."""

from __future__ import annotations

import base64
import hashlib
import imaplib
import poplib
import secrets
import shutil
import smtplib
import ssl
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from running import PASSWORD, RunningServer

pytestmark = pytest.mark.timeout(240)

ANNA, BERT = "anna@posthouse.test", "bert@posthouse.test"
BACK = "http://127.0.0.1/back"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path_factory.mktemp("oauth") / "server", workers=2)
    server.add_domain()
    server.add_account(ANNA)
    server.add_account(BERT)
    server.command("setting", "set", "oauth.server", "true")
    server.command("setting", "set", "oauth.issuer", f"https://localhost:{server.https}")
    server.command("setting", "set", "signin.free_failures", "100")
    server.start()
    yield server
    server.kill()
    assert "Traceback" not in server.log, server.log[-4000:]


def tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Program:
    """A mail program with the browser of its person."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.web = httpx2.Client(base_url=f"https://localhost:{server.https}", verify=False, timeout=30)
        self.metadata = self.web.get("/.well-known/oauth-authorization-server").json()
        self.verifier = secrets.token_urlsafe(48)
        self.client_id = ""

    def register(self, name: str = "Bird", uris: list[str] | None = None) -> httpx2.Response:
        wanted = {"client_name": name, "redirect_uris": uris or [BACK]}
        answer = self.web.post(self.metadata["registration_endpoint"], json=wanted)
        self.client_id = answer.json().get("client_id", "")
        return answer

    def sign_in(self, address: str = ANNA) -> None:
        answer = self.web.post("/sign-in", data={"login": address, "password": PASSWORD})
        assert answer.status_code == 303, answer.text

    def query(self, **changed: str) -> dict[str, str]:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest())
        return {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": "http://127.0.0.1:51234/back",
            "scope": "imap smtp pop offline_access",
            "state": "of the program",
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        } | changed

    def csrf(self, page: str) -> str:
        return page.partition('name="csrf" value="')[2].partition('"')[0]

    def agree(self, decision: str = "yes", **changed: str) -> dict[str, str]:
        """What the browser brings to the program."""
        query = self.query(**changed)
        page = self.web.get("/oauth/authorize", params=query)
        assert page.status_code == 200, page.text
        assert "Bird" in page.text
        form = {**query, "csrf": self.csrf(page.text), "decision": decision}
        answer = self.web.post("/oauth/authorize", data=form)
        assert answer.status_code == 303, answer.text
        there = urlsplit(answer.headers["location"])
        assert (there.netloc, there.path) == ("127.0.0.1:51234", "/back")
        return {name: values[0] for name, values in parse_qs(there.query).items()}

    def token(self, **form: str) -> httpx2.Response:
        return self.web.post(self.metadata["token_endpoint"], data={"client_id": self.client_id, **form})

    def redeem(self, code: str, **more: str) -> httpx2.Response:
        form = {"code": code, "code_verifier": self.verifier, "redirect_uri": "http://127.0.0.1:51234/back"}
        return self.token(grant_type="authorization_code", **form | more)

    def tokens(self, **changed: str) -> dict[str, Any]:
        answer = self.redeem(self.agree(**changed)["code"])
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def imap(self, token: str, user: str = ANNA, kind: str = "XOAUTH2") -> bytes:
        """What IMAP says to a token; b"OK" when it holds."""
        with imaplib.IMAP4_SSL("127.0.0.1", self.server.imaps, ssl_context=tls()) as session:
            challenges: list[bytes] = []

            def answer(challenge: bytes) -> bytes:
                challenges.append(challenge)
                if len(challenges) > 1:
                    return b"\x01"
                if kind == "XOAUTH2":
                    return f"user={user}\x01auth=Bearer {token}\x01\x01".encode()
                return f"n,a={user},\x01auth=Bearer {token}\x01\x01".encode()

            assert f"AUTH={kind}" in session.capabilities
            try:
                session.authenticate(kind, answer)
            except imaplib.IMAP4.error:
                return challenges[-1]
            session.select("INBOX")
            return b"OK"


@pytest.fixture(scope="module")
def program(server: RunningServer) -> Iterator[Program]:
    made = Program(server)
    assert made.register().status_code == 201
    made.sign_in()
    yield made
    made.web.close()


def test_mail_programs_find_it(program: Program) -> None:
    """In the answer to Thunderbird's question, beside passwords."""
    xml = program.web.get("/mail/config-v1.1.xml", params={"emailaddress": ANNA}).text
    assert f"<tokenURL>{program.metadata['token_endpoint']}</tokenURL>" in xml
    assert xml.index("password-cleartext") < xml.index("<authentication>OAuth2<")


def test_the_whole_way_and_every_protocol(program: Program) -> None:
    """Registered, agreed to on the page, redeemed, and then mail is read and sent with it."""
    server = program.server
    told = program.agree()
    assert (told["state"], told["iss"]) == ("of the program", program.metadata["issuer"])
    found = program.redeem(told["code"]).json()
    assert (found["token_type"], found["scope"]) == ("Bearer", "imap pop smtp")
    token = found["access_token"]
    for _ in range(4):  # by both workers
        assert program.imap(token) == b"OK"
    assert program.imap(token, kind="OAUTHBEARER") == b"OK"
    assert program.imap(token, user="", kind="OAUTHBEARER") != b"OK"  # `a=` names nobody
    with smtplib.SMTP_SSL("localhost", server.submissions, context=tls()) as smtp:
        smtp.ehlo("client.test")
        response = base64.b64encode(f"n,a={ANNA},\x01auth=Bearer {token}\x01\x01".encode()).decode()
        assert smtp.docmd("AUTH", f"OAUTHBEARER {response}")[0] == 235
        smtp.sendmail(ANNA, [BERT], "Subject: by token\r\n\r\nx\r\n")
    pop = poplib.POP3_SSL("127.0.0.1", server.pop3s, context=tls())
    response = base64.b64encode(f"user={ANNA}\x01auth=Bearer {token}\x01\x01".encode()).decode()
    assert pop._shortcmd(f"AUTH XOAUTH2 {response}").startswith(b"+OK")  # type: ignore[attr-defined]
    pop.quit()
    assert token not in server.log
    assert found["refresh_token"] not in server.log


@pytest.mark.needs("curl")
def test_curl_reads_with_it(program: Program) -> None:
    """Another's client, with a bearer token."""
    token = program.tokens()["access_token"]
    curl = shutil.which("curl") or "curl"
    url = f"imaps://127.0.0.1:{program.server.imaps}/"
    for option in ("AUTH=OAUTHBEARER", "AUTH=XOAUTH2"):
        command = [curl, "-sk", "--user", ANNA, "--oauth2-bearer", token, "--login-options", option, url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert "INBOX" in done.stdout


def test_what_does_not_hold(program: Program) -> None:
    """Other people's names, other scopes, other kinds of token, codes twice: refused, with the reason as JSON."""
    found = program.tokens(scope="smtp")
    token = found["access_token"]
    assert b'"403"' in program.imap(token)  # not for reading
    assert b"insufficient_scope" in program.imap(token, kind="OAUTHBEARER")
    good = program.tokens()
    assert b'"401"' in program.imap(good["access_token"], user=BERT)
    assert b'"401"' in program.imap(good["refresh_token"])
    told = program.imap("pha_" + "x" * 43, kind="OAUTHBEARER")
    assert program.metadata["issuer"].encode() + b"/.well-known/oauth-authorization-server" in told
    program.verifier = secrets.token_urlsafe(48)
    code = program.agree()["code"]
    assert program.redeem(code, code_verifier="x" * 43).json()["error"] == "invalid_grant"
    assert program.redeem(code, redirect_uri="http://127.0.0.1:1/other").json()["error"] == "invalid_grant"
    first = program.redeem(code).json()
    assert program.imap(first["access_token"]) == b"OK"
    assert program.redeem(code).json()["error"] == "invalid_grant"
    assert program.imap(first["access_token"]) != b"OK"  # whoever had the code twice has nothing


def test_refresh_tokens_rotate_and_a_stolen_one_ends_the_family(program: Program) -> None:
    old = program.tokens()
    new = program.token(grant_type="refresh_token", refresh_token=old["refresh_token"]).json()
    assert new["refresh_token"] != old["refresh_token"]
    assert program.imap(new["access_token"]) == b"OK"
    stolen = program.token(grant_type="refresh_token", refresh_token=old["refresh_token"])
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    assert program.imap(new["access_token"]) != b"OK"
    assert program.token(grant_type="refresh_token", refresh_token=new["refresh_token"]).status_code == 400


def test_it_is_shut_out_at_once(program: Program) -> None:
    """By the owner on the page, by an administrator's command, and by itself (RFC 7009)."""
    found = program.tokens()
    page = program.web.get("/me/let-in").text
    form = page.rpartition('action="/me/let-in/')[2].partition('"')[0]
    done = program.web.post(f"/me/let-in/{form}", data={"csrf": program.csrf(page)})
    assert done.status_code == 303
    assert program.imap(found["access_token"]) != b"OK"
    found = program.tokens()
    rows = program.server.command("oauth", "grant", "list", ANNA).stdout.splitlines()
    program.server.command("oauth", "grant", "remove", rows[-1].split()[0])
    assert program.imap(found["access_token"]) != b"OK"
    found = program.tokens()
    program.web.post(program.metadata["revocation_endpoint"], data={"token": found["access_token"]})
    assert program.imap(found["access_token"]) != b"OK"
    assert "oauth.agree" in program.server.command("audit", "list").stdout


def test_the_page_refuses_what_it_must(program: Program) -> None:
    """No redirection to a stranger; without PKCE the program is told; a no is a no; nobody agrees unasked."""
    for changed in ({"redirect_uri": "https://evil.example/"}, {"client_id": "nobody"}):
        answer = program.web.get("/oauth/authorize", params=program.query(**changed))
        assert answer.status_code == 400
        assert "location" not in answer.headers
    answer = program.web.get("/oauth/authorize", params=program.query(code_challenge_method="plain"))
    assert answer.status_code == 303
    assert "error=invalid_request" in answer.headers["location"]
    assert program.agree("no")["error"] == "access_denied"
    unasked = program.web.post("/oauth/authorize", data=program.query() | {"decision": "yes"})
    assert unasked.status_code == 403
    policy = program.web.get("/oauth/authorize", params=program.query()).headers["content-security-policy"]
    assert "form-action 'self' http://127.0.0.1:51234;" in policy
    with httpx2.Client(base_url=program.web.base_url, verify=False) as stranger:
        answer = stranger.get("/oauth/authorize", params=program.query())
    assert answer.headers["location"].startswith("/sign-in?next=/oauth/authorize%3F")


def test_a_device_waits_for_its_owner(program: Program) -> None:
    began = program.web.post(
        program.metadata["device_authorization_endpoint"],
        data={"client_id": program.client_id, "scope": "imap"},
    ).json()
    grant = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": began["device_code"],
    }
    assert program.token(**grant).json()["error"] == "authorization_pending"
    assert program.token(**grant).json()["error"] == "slow_down"
    page = program.web.get("/device", params={"user_code": began["user_code"].lower().replace("-", " ")})
    assert "Bird" in page.text
    form = {"csrf": program.csrf(page.text), "user_code": began["user_code"], "decision": "yes"}
    assert program.web.post("/device", data=form).status_code == 303
    found = program.token(**grant).json()
    assert found["scope"] == "imap"
    assert program.imap(found["access_token"]) == b"OK"
    assert program.token(**grant).json()["error"] == "invalid_grant"


def test_registration_is_bounded(program: Program) -> None:
    """Odd addresses, no JSON, too many, and not at all when that is switched off."""
    other = Program(program.server)
    for uri in (
        "http://evil.example/",
        "javascript:alert(1)",
        "https://a.example/#x",
        "https://a.example/; x",
        "x:y",
    ):
        assert other.register(uris=[uri]).json()["error"] == "invalid_redirect_uri", uri
    url = other.metadata["registration_endpoint"]
    assert other.web.post(url, content=b"[" * 20_000).status_code == 400
    assert other.web.post(url, content=b"x" * 40_000).status_code == 413
    statuses = [other.register(f"Bird {count}").status_code for count in range(11)]
    assert statuses[-1] == 429
    program.server.command("setting", "set", "oauth.registration", "false")
    assert "registration_endpoint" not in other.web.get("/.well-known/oauth-authorization-server").json()
    assert other.register().status_code == 403
    shown = program.server.command("oauth", "client", "add", "Bird", "--redirect-uri", BACK).stdout
    other.client_id = shown.split()[-1]
    other.sign_in()
    assert other.imap(other.tokens()["access_token"]) == b"OK"
    other.web.close()


def test_switched_off_nothing_is_offered(program: Program) -> None:
    token = program.tokens()["access_token"]
    program.server.command("setting", "set", "oauth.server", "false")
    try:
        assert program.web.get("/.well-known/oauth-authorization-server").status_code == 404
        assert program.token(grant_type="refresh_token").status_code == 404
        with imaplib.IMAP4_SSL("127.0.0.1", program.server.imaps, ssl_context=tls()) as session:
            assert "AUTH=XOAUTH2" not in session.capabilities
            with pytest.raises(imaplib.IMAP4.error):
                session.authenticate(
                    "XOAUTH2", lambda _: f"user={ANNA}\x01auth=Bearer {token}\x01\x01".encode()
                )
    finally:
        program.server.command("setting", "set", "oauth.server", "true")
