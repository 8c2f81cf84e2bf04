"""Lists on a whole server: who may write, what everybody gets, how one joins and leaves, what comes back, and a kill in
the middle."""

from __future__ import annotations

import asyncio
import http.client
import re
import smtplib
import sqlite3
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import system_dkimpy
from mail_world import call, mailbox, submit, wait_for
from running import PASSWORD, RunningServer
from smtp_peer import Mail, Peer

HOME, FAR = "posthouse.test", "far.test"
ANNA, BERT, CAROL = (f"{name}@{HOME}" for name in ("anna", "bert", "carol"))
ZOE = f"zoe@{FAR}"
NEWS = f"news@{HOME}"
pytestmark = pytest.mark.timeout(900)

_ADDRESS = re.compile(r"<([^>]*)>")


class Outside:
    """The server of far.test, in a thread of its own: takes everything but mail to ``gone@``."""

    def __init__(self) -> None:
        self.peer = Peer(extensions=("PIPELINING", "8BITMIME"), replies={"RCPT": self._rcpt})
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.peer.__aenter__(), self._loop).result(10)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.peer.__aexit__(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def got(self, subject: str) -> list[Mail]:
        """What came with this subject."""
        line = f"\r\nSubject: {subject}\r\n".encode()
        return [mail for mail in list(self.peer.mails) if line in mail.data]

    def readers(self, subject: str) -> Counter[str]:
        """How often each address got it."""
        return Counter(address_in(rcpt) for mail in self.got(subject) for rcpt in mail.rcpts)

    @staticmethod
    def _rcpt(line: str) -> str:
        return "550 5.1.1 nobody" if "<gone@" in line else "250 2.1.5 fine"


class House:
    """The server, who lives there, and the outside."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.outside = Outside()
        self.server = RunningServer(folder, workers=workers)
        self.server.start(120)
        self.call("domain.add", name=HOME)
        for address in (ANNA, BERT, CAROL):
            self.call("account.add", address=address, password=PASSWORD)
        target = f"127.0.0.1:{self.outside.peer.port}"
        self.route = f"route:{self.call('route.add', recipient=FAR, target=target, security='none')['id']}"
        for key in self.call("dkim.list", domain=HOME)["keys"]:
            self.call("dkim.activate", domain=HOME, selector=key["selector"])
        for name, value in {"lists.bounces": "2", "smtp.max_errors": "1000"}.items():
            self.call("setting.set", name=name, value=value)

    def close(self) -> None:
        self.server.kill()
        self.outside.close()

    def call(self, use: str, **parameters: object) -> Any:
        return call(self.server, use, **parameters)

    def make(self, local: str, members: Sequence[str] = (), **values: object) -> str:
        """Make a list; its address."""
        address = f"{local}@{HOME}"
        self.call("list.add", address=address, **values)
        if members:
            self.call("list.import", address=address, text="".join(f"{each}\n" for each in members))
        return address

    def post(self, subject: str, to: str, sender: str = ANNA, **more: object) -> None:
        """Hand it in as somebody who signs in."""
        submit(self.server, subject, to, sender=sender, message=letter(subject, sender, to), **more)

    def write(self, subject: str, to: str, sender: str, message: bytes = b"") -> None:
        """Hand it in as a stranger."""
        with smtplib.SMTP("127.0.0.1", self.server.smtp, timeout=60) as client:
            client.sendmail(sender, [to], message or letter(subject, sender or "mailer@far.test", to))

    def answer(self, to: str, sender: str) -> tuple[int, str]:
        """What a stranger hears at RCPT."""
        with smtplib.SMTP("127.0.0.1", self.server.smtp, timeout=60) as client:
            client.ehlo("mx.far.test")
            client.mail(sender)
            code, text = client.rcpt(to)
            return code, text.decode()

    def inbox(self, user: str, subject: str) -> list[bytes]:
        """What somebody has with this subject."""
        line = f"\r\nSubject: {subject}\r\n".encode()
        return [each for each in mailbox(self.server, user) if line in each]

    def waited(self, look: Callable[[], Any], seconds: float = 120) -> Any:
        return wait_for(look, lambda: self.server.log[-4000:], seconds)

    def done(self, address: str) -> None:
        """Wait until nothing goes to a list any more."""
        self.waited(lambda: not self.rows("SELECT 1 FROM queue_recipients WHERE recipient = ?", address))

    def rows(self, query: str, *given: object) -> list[tuple[object, ...]]:
        with closing(
            sqlite3.connect(f"file:{self.server.data}/posthouse.db?mode=ro", uri=True, timeout=30)
        ) as base:
            return base.execute(query, given).fetchall()

    def away(self, address: str, member: str) -> str:
        found = self.call("list.members", address=address)["members"]
        return str(next((each["away"] for each in found if each["name"] == member), "none"))


def address_in(command: str) -> str:
    found = _ADDRESS.search(command)
    assert found
    return found[1]


def letter(subject: str, sender: str, to: str, *more: str) -> bytes:
    """A message as somebody writes it."""
    lines = [
        *more,
        f"From: <{sender}>",
        f"To: <{to}>",
        f"Subject: {subject}",
        f"Message-ID: <{subject.replace(' ', '-')}@{sender.rpartition('@')[2]}>",
        "Date: Mon, 01 Jun 2026 12:00:00 +0000",
        "",
        "Some words.",
        "",
    ]
    return "\r\n".join(lines).encode()


@pytest.fixture(scope="module", params=[1, 2], ids=["1-worker", "2-workers"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("lists"), request.param)
    try:
        yield made
    finally:
        made.close()
    assert "Traceback" not in made.server.log, made.server.log[-4000:]


def test_who_may_write(house: House) -> None:
    """Each mode takes some and refuses the others at RCPT."""
    house.make("m1", mode="public")
    house.make("m2", [ZOE, BERT], mode="members")
    house.make("m3", mode="announcements", senders=[ZOE])
    house.make("m4", mode="domain")
    house.make("m5", mode="server")
    house.make("m6", mode="public", signed_in=True)
    stranger = f"eve@{FAR}"
    answers = {
        (name, sender): house.answer(f"{name}@{HOME}", sender)[0]
        for name in ("m1", "m2", "m3", "m4", "m5", "m6")
        for sender in (ZOE, stranger)
    }
    refused = {pair for pair, code in answers.items() if code == 550}
    taken = {pair for pair, code in answers.items() if code == 250}
    assert taken == {("m1", ZOE), ("m1", stranger), ("m2", ZOE), ("m3", ZOE)}, answers
    assert refused == set(answers) - taken
    for name in ("m1", "m4", "m5", "m6"):
        house.post("by one of ours", f"{name}@{HOME}")
    for name in ("m2", "m3"):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
            house.post("not a member", f"{name}@{HOME}")
        assert refusal.value.recipients[f"{name}@{HOME}"][0] == 550
    assert house.answer(f"m1@{HOME}", "")[0] == 550  # nobody writes to a list as nobody
    assert house.answer(f"m1+nonsense@{HOME}", ZOE)[0] == 550


def test_nested_lists_and_groups_reach_everybody_once(house: House) -> None:
    """With the list's fields, signed by its domain and sealed; one click leaves."""
    house.call("group.add", name="staff")
    for member in (BERT, CAROL):
        house.call("group.member_add", name="staff", member=member)
    inner = house.make("inner", [ZOE, BERT, f"yan@{FAR}"], mode="public")
    house.make("news", ["staff", inner, ZOE.upper(), ANNA], mode="public", name="News", tag="News")
    house.post("first words", NEWS)
    tagged = "[News] first words"
    house.done(NEWS)
    house.waited(lambda: len(house.outside.got(tagged)) >= 2)
    assert {key.lower(): count for key, count in house.outside.readers(tagged).items()} == {
        ZOE: 1,
        f"yan@{FAR}": 1,
    }
    assert [len(house.inbox(user, tagged)) for user in (ANNA, BERT, CAROL)] == [1, 1, 1]
    copy = next(mail for mail in house.outside.got(tagged) if "zoe@" in mail.rcpts[0].lower())
    assert address_in(copy.mail).startswith("news+")
    assert address_in(copy.mail).lower().endswith(f"-zoe=far.test@{HOME}")
    for content in (copy.data, house.inbox(BERT, tagged)[0]):
        parsed = message_from_bytes(content, policy=policy.default)
        assert parsed["List-Id"] == "News <news.posthouse.test>"
        assert parsed["List-Post"] == f"<mailto:{NEWS}>"
        assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert parsed["From"] == ANNA
    one_click(house, copy.data)
    one_click(house, house.inbox(BERT, tagged)[0])  # in by a group, and by a list
    house.post("second words", NEWS)
    house.done(NEWS)
    house.waited(lambda: house.outside.got("[News] second words"))
    assert house.outside.readers("[News] second words") == {f"yan@{FAR}": 1}
    assert [len(house.inbox(user, "[News] second words")) for user in (ANNA, BERT, CAROL)] == [1, 0, 1]


def one_click(house: House, message: bytes) -> None:
    """As a mail program does it (RFC 8058): a GET changes nothing, the POST needs no sign-in."""
    field = message_from_bytes(message, policy=policy.default)["List-Unsubscribe"]
    path = re.search(r"<https://mail\.posthouse\.test(/[^>]*)>", field)
    assert path, field
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    for method, words in (("GET", b"Leave this list?"), ("POST", b"You have left")):
        with closing(http.client.HTTPSConnection("127.0.0.1", house.server.https, context=trusting)) as web:
            body = "List-Unsubscribe=One-Click" if method == "POST" else None
            headers = {"Host": "mail.posthouse.test", "Content-Type": "application/x-www-form-urlencoded"}
            web.request(method, path[1], body, headers)
            answer = web.getresponse()
            assert (answer.status, words in answer.read()) == (200, True)


@pytest.mark.needs("dkimpy")
def test_others_verify_signature_and_seal(house: House) -> None:
    """dkimpy finds the list's domain, its List fields among what is signed, and a good ARC chain."""
    house.make("signed", [ZOE], mode="public")
    house.post("signed words", f"signed@{HOME}")
    house.waited(lambda: house.outside.got("signed words"))
    (mail,) = house.outside.got("signed words")
    texts = {f"{key['name']}.": key["value"] for key in house.call("dkim.list")["keys"]}

    def look(name: bytes | str, timeout: int = 5) -> bytes:
        name = name.decode() if isinstance(name, bytes) else name
        return bytes(texts[name if name.endswith(".") else f"{name}."].encode())

    dkim = system_dkimpy.load()
    assert dkim is not None
    signer = dkim.DKIM(mail.data)
    found = message_from_bytes(mail.data).get_all("DKIM-Signature")
    assert found
    number = next(at for at, each in enumerate(found) if "a=rsa-sha256" in each)
    assert signer.verify(idx=number, dnsfunc=look)
    assert signer.domain == HOME.encode()
    covered = re.search(r"\bh=([^;]*)", found[number])
    assert covered
    names = set(re.sub(r"\s", "", covered[1]).lower().split(":"))
    assert {"list-id", "list-post", "list-unsubscribe", "list-unsubscribe-post", "from", "subject"} <= names
    verdict, sets, reason = dkim.arc_verify(mail.data, dnsfunc=look)
    assert verdict == b"pass", reason
    assert len(sets) == 1
    assert sets[0]["as-domain"] == HOME.encode()


def test_joining_and_leaving_by_mail(house: House) -> None:
    """The question is answered by the one who was asked, and by nobody else."""
    club = house.make("club", mode="public", joining="confirm")
    for word, there in (("subscribe", True), ("unsubscribe", False)):
        before = len(house.outside.got("Please confirm: club@posthouse.test"))
        house.write(word, f"club+{word}@{HOME}", ZOE)
        house.waited(lambda n=before: len(house.outside.got("Please confirm: club@posthouse.test")) > n)
        question = house.outside.got("Please confirm: club@posthouse.test")[-1]
        reply_to = address_in(message_from_bytes(question.data)["Reply-To"])
        assert address_in(question.mail) == ""
        house.write("me too", reply_to, f"eve@{FAR}")
        house.done(reply_to)
        assert house.away(club, f"eve@{FAR}") == "none"
        assert house.away(club, ZOE) == ("none" if there else "")
        house.write("yes", reply_to, ZOE)
        house.done(reply_to)
        assert house.away(club, ZOE) == ("" if there else "none")


def told_of(house: House, user: str, words: bytes) -> list[bytes]:
    """What somebody was told with these words."""
    return [each for each in mailbox(house.server, user) if words in each]


def test_a_moderator_decides(house: House) -> None:
    """What waits is let pass, refused with a word to the author, or let pass by an administrator in the queue."""
    address = house.make("calm", [BERT], mode="public", moderation="all", owners=[CAROL])
    for number, use in enumerate(("list.approve", "list.reject", "queue.release")):
        subject = f"please {number}"
        house.post(subject, address)
        house.waited(lambda: house.call("list.held", address=address)["posts"])
        (waits,) = house.call("list.held", address=address)["posts"]
        assert (waits["subject"], waits["sender"]) == (subject, ANNA)
        assert house.inbox(BERT, subject) == []
        if use == "queue.release":
            house.call(use, row=waits["post"])
        else:
            more = {"reason": "off topic"} if use == "list.reject" else {}
            house.call(use, address=address, post=waits["post"], **more)
        house.done(address)
        assert len(house.inbox(BERT, subject)) == (0 if use == "list.reject" else 1)
        assert house.call("list.held", address=address)["posts"] == []
    house.waited(lambda: any(b"off topic" in each for each in mailbox(house.server, ANNA)))
    house.waited(lambda: len(told_of(house, CAROL, b"waits for you")) >= 3)
    assert len(told_of(house, CAROL, b"waits for you")) == 3
    assert house.rows("SELECT 1 FROM list_progress") == []


def test_bounces_suspend_a_member(house: House) -> None:
    """Both those of other servers and those that we see ourselves; made-up ones count for nothing."""
    address = house.make("back", [ZOE, f"gone@{FAR}"], mode="public", owners=[CAROL])
    for number in range(2):
        house.post(f"to those gone {number}", address)
        house.waited(lambda n=number: house.outside.got(f"to those gone {n}"))
    house.waited(lambda: house.away(address, f"gone@{FAR}") == "bounces")
    assert house.away(address, ZOE) == ""
    path = address_in(house.outside.got("to those gone 0")[0].mail)
    report = (
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.far.test\r\n\r\n"
        b"Final-Recipient: rfc822; zoe@far.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
    )
    forged = path.replace("zoe", "yan")
    for to, away in ((path, ""), (forged, ""), (path, "bounces")):
        house.write("", to, "", b"From: mailer@far.test\r\nSubject: back\r\nMIME-Version: 1.0\r\n" + report)
        house.done(to)
        assert house.away(address, ZOE) == away
    house.waited(lambda: len(told_of(house, CAROL, b"gets no more mail")) >= 2)
    assert len(told_of(house, CAROL, b"gets no more mail")) == 2


def test_what_went_through_does_not_go_round(house: House) -> None:
    """It is taken, so that nobody is told, and goes to nobody."""
    address = house.make("round", [BERT, ZOE], mode="public")
    message = letter("round and round", ZOE, address, "List-Id: <round.posthouse.test>")
    house.write("round and round", address, ZOE, message)
    house.done(address)
    house.post("a straight one", address)
    house.waited(lambda: house.outside.got("a straight one"))
    assert house.outside.got("round and round") == []
    assert house.inbox(BERT, "round and round") == []


def test_a_large_list_holds_up_nobody(house: House) -> None:
    """While two thousand are served, mail of others goes in between; everybody has it once."""
    members = [f"m{number:04}@{FAR}" for number in range(2000)]
    address = house.make("large", [*members, BERT], mode="public")
    house.call("queue.pause", destination=house.route)
    house.post("to very many", address)
    for number in range(10):
        house.post(f"in between {number}", f"wim@{FAR}")
    house.done(address)
    kinds = [row[0] for row in house.rows("SELECT kind FROM queue_messages ORDER BY id")]
    assert kinds.count("list") == 2000
    first = next(at for at, kind in enumerate(kinds) if kind != "list")
    assert "list" in kinds[first:], "others had to wait for the whole list"
    house.call("queue.resume", destination=house.route)
    house.waited(lambda: len(house.outside.got("to very many")) >= 2000, 400)
    assert house.outside.readers("to very many") == Counter(members)
    assert len(house.inbox(BERT, "to very many")) == 1


CRASHES = (
    "list.written:1",
    "list.written:3",
    "list.written:4",
    "list.stretch:1",
    "list.stretch:3",
    "queue.leased:1",
)


@pytest.mark.parametrize("crash", CRASHES)
def test_killed_in_the_middle(tmp_path: Path, crash: str) -> None:
    """Nobody misses it and nobody gets it twice."""
    members = [f"m{number:03}@{FAR}" for number in range(170)]
    house = House(tmp_path, 1)
    try:
        address = house.make("news", [ANNA, BERT, *members], mode="public")
        house.call("queue.pause", destination=house.route)
        house.server.stop()
        house.server.environment = {"POSTHOUSE_CRASH_AT": crash}
        house.server.start(120)
        try:
            house.write("through a kill", address, ZOE)
        except (smtplib.SMTPException, OSError):
            pytest.fail("it died before it had the message: the step is too early")
        assert house.server.wait_dead(60), f"{crash} was not reached"
        house.server.environment = {}
        house.server.start(120)
        house.done(address)
        house.call("queue.resume", destination=house.route)
        house.waited(lambda: len(house.outside.readers("through a kill")) >= len(members))
        assert house.outside.readers("through a kill") == Counter(members)
        assert [len(house.inbox(user, "through a kill")) for user in (ANNA, BERT)] == [1, 1]
        assert house.rows("SELECT 1 FROM list_progress") == []
    finally:
        house.close()
