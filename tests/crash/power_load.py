"""Mixed work on a server whose power is to be cut: mail comes in by SMTP and LMTP, some of it for other servers, while
one client for each account appends, copies, moves, flags and expunges. All of them write down what they were promised,
for each connection in order.

What is in an account is moved by its one client only, so it is known at each moment where every message is."""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass, field

from load import Ledger
from power_expected import INBOX, NOWHERE, Copy, Effect, Key, Place

MAILBOXES = (INBOX, "Box", "Done")
ACCEPTED = rb"^250 2\.0\.0 Message accepted"
TAKEN = rb"^250 2\.1\.5 [^\r]*\([\w.]+\)"
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "$Work")

_FETCHED = re.compile(rb"^\* \d+ FETCH ", re.M)
_SUBJECT = re.compile(rb"^Subject: (\w+)\r$", re.M)


@dataclass
class Work:
    """How much is done, and what came of it. ``relayed`` are the domains of other servers."""

    accounts: list[str]
    password: str
    smtp: int
    lmtp: int
    imap: int
    relayed: tuple[str, ...] = ()
    smtp_sessions: int = 5
    lmtp_sessions: int = 2
    each: int = 25
    """Messages of a session."""
    seconds: float = 6.0
    """How long the clients go on at least."""
    seed: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    ports: dict[int, list[Effect]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    async def run(self) -> None:
        """All of it."""
        over = asyncio.Event()
        clients = [asyncio.create_task(Client(self, account).run(over)) for account in self.accounts]
        senders = [self._smtp() for _ in range(self.smtp_sessions)]
        senders += [self._lmtp() for _ in range(self.lmtp_sessions)]
        await asyncio.gather(*senders, asyncio.sleep(self.seconds))
        over.set()
        await asyncio.gather(*clients)

    def message(self) -> tuple[str, bytes]:
        """A new one."""
        return self.ledger.new_message(self.rng, large=0.02)

    async def _smtp(self) -> None:
        async with Line(self, self.smtp) as line:
            await line.reply()
            await line.say(b"EHLO power.example.org")
            for number in range(self.each):
                token, message = self.message()
                keys = [(account, token) for account in self._some_accounts()]
                recipients = [account for account, _ in keys]
                if self.relayed and self.rng.random() < 0.3:
                    if self.rng.random() < 0.5:
                        keys, recipients = [], []
                    keys.append(("", token))
                    recipients.append(f"u{number}@{self.rng.choice(self.relayed)}")
                await line.envelope(recipients)
                places: dict[Key, Place] = {key: {INBOX if key[0] else "queue": (None, None)} for key in keys}
                effect = Effect(ACCEPTED, places, arrival=True)
                line.effects.append(effect)
                if not (await line.say(message + b".")).startswith(b"250"):
                    raise AssertionError("a message was refused")
                await asyncio.sleep(self.rng.uniform(0, 0.05))

    async def _lmtp(self) -> None:
        async with Line(self, self.lmtp) as line:
            await line.reply()
            await line.say(b"LHLO power.example.org")
            for _ in range(self.each):
                token, message = self.message()
                accounts = self._some_accounts()
                await line.envelope(accounts)
                for account in accounts:
                    arrived: dict[Key, Place] = {(account, token): {INBOX: (None, None)}}
                    line.effects.append(Effect(TAKEN, arrived, arrival=True))
                first = await line.say(message + b".")
                answers = [first, *[await line.reply() for _ in accounts[1:]]]
                assert all(each.startswith(b"250") for each in answers), answers
                await asyncio.sleep(self.rng.uniform(0, 0.05))

    def _some_accounts(self) -> list[str]:
        return self.rng.sample(self.accounts, 2 if self.rng.random() < 0.25 else 1)


class Line:
    """A connection and what is promised on it."""

    def __init__(self, work: Work, port: int) -> None:
        self._work = work
        self._port = port
        self.effects: list[Effect] = []

    async def __aenter__(self) -> Line:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        self._work.ports[self.writer.get_extra_info("sockname")[1]] = self.effects
        return self

    async def __aexit__(self, *error: object) -> None:
        self.writer.transport.abort()

    async def reply(self) -> bytes:
        """The last line of an SMTP reply."""
        while True:
            line = await self.reader.readuntil(b"\r\n")
            if line[3:4] != b"-":
                return line

    async def say(self, command: bytes) -> bytes:
        """A command and its reply."""
        self.writer.write(command + b"\r\n")
        await self.writer.drain()
        return await self.reply()

    async def envelope(self, recipients: list[str]) -> None:
        """A message's, up to DATA."""
        rcpt = [f"RCPT TO:<{each}>".encode() for each in recipients]
        for command in (b"MAIL FROM:<power@example.org>", *rcpt, b"DATA"):
            answer = await self.say(command)
            assert answer[:3] in (b"250", b"354"), answer


class Client:
    """The one client of an account: it knows where each message is."""

    def __init__(self, work: Work, account: str) -> None:
        self.work, self.account = work, account
        self.rng = random.Random(f"{work.seed} {account}")
        self.held: dict[str, dict[int, str]] = {name: {} for name in MAILBOXES}
        """Mailbox → UID → token."""
        self.flags: dict[tuple[str, int], frozenset[str]] = {}
        self.own: dict[str, bytes] = {}
        """Messages that were appended here, by token."""
        self.selected = ""
        self.last = 0
        self._tag = 0

    async def run(self, over: asyncio.Event) -> None:
        """Work until it is over, then look once more."""
        async with Line(self.work, self.work.imap) as self.line:
            await self.line.reader.readline()
            await self.command(f"LOGIN {self.account} {self.work.password}")
            steps = (self.append, self.append, self.fetch, self.fetch, self.store, self.copy, self.move)
            while not over.is_set():
                await self.rng.choice((*steps, self.expunge, self.expunge, self.again))()
                await asyncio.sleep(self.rng.uniform(0, 0.05))
            await self.fetch()

    async def command(self, text: str, literal: bytes | None = None) -> bytes:
        """A command and all of its answer; AssertionError unless it is OK."""
        self._tag += 1
        tag = b"x%d " % self._tag
        self.line.writer.write(tag + text.encode() + b"\r\n")
        if literal is not None:
            go = await self.line.reader.readuntil(b"\r\n")
            assert go.startswith(b"+"), go
            self.line.writer.write(literal + b"\r\n")
        await self.line.writer.drain()
        answer = b""
        while True:
            line = await self.line.reader.readuntil(b"\r\n")
            answer += line
            if line.startswith(tag):
                assert line.startswith(tag + b"OK"), (text, answer)
                return answer

    def promised(self, tokens: set[str], **seen: int) -> None:
        """The last command said OK: these messages are where they are known to be now."""
        places: dict[Key, Place] = {(self.account, token): self.place(token) for token in tokens}
        uids = {(self.account, name): uid for name, uid in seen.items()}
        self.line.effects.append(Effect(b"^x%d OK" % self._tag, places, uids))

    def place(self, token: str) -> Place:
        """Where a message is."""
        found: dict[str, Copy] = {}
        for name, uids in self.held.items():
            for uid, each in uids.items():
                if each == token:
                    found[name] = (uid, self.flags[name, uid])
        return found or NOWHERE

    def put(self, name: str, uid: int, token: str, flags: frozenset[str]) -> None:
        """A copy is there."""
        self.held[name][uid] = token
        self.flags[name, uid] = flags

    async def select(self, name: str) -> None:
        """A mailbox to work in, as it is now."""
        await self.command("NOOP" if self.selected == name else f"SELECT {name}")
        self.selected = name

    def some(self, name: str, most: int = 4) -> list[int]:
        """UIDs in a mailbox."""
        uids = sorted(self.held[name])
        return self.rng.sample(uids, min(len(uids), self.rng.randint(1, most)))

    async def append(self) -> None:
        """A new message."""
        token, message = self.work.message()
        self.own[token] = message
        await self._append(token, message)

    async def again(self) -> None:
        """The very same message once more, after its copies are expunged."""
        gone = [token for token in self.own if not self.place(token)]
        if gone:
            token = self.rng.choice(gone)
            await self._append(token, self.own[token])

    async def _append(self, token: str, message: bytes) -> None:
        name = self.rng.choice(MAILBOXES)
        flags = frozenset(self.rng.sample(FLAGS, self.rng.randint(0, 2)))
        answer = await self.command(f"APPEND {name} ({' '.join(flags)}) {{{len(message)}}}", message)
        found = re.search(rb"APPENDUID \d+ (\d+)", answer)
        assert found is not None, answer
        uid = int(found[1])
        self.put(name, uid, token, flags)
        self.promised({token}, **{name: uid})

    async def fetch(self) -> None:
        """What is new in the Inbox."""
        await self.select(INBOX)
        answer = await self.command(
            f"UID FETCH {self.last + 1}:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])"
        )
        tokens, before = set(), self.last
        for piece in _FETCHED.split(answer)[1:]:
            uid, flags, token = (
                re.search(each, piece, re.M)
                for each in (rb"UID (\d+)", rb"FLAGS \(([^)]*)\)", _SUBJECT.pattern)
            )
            if uid is None or flags is None or token is None or int(uid[1]) <= before:
                continue
            names = frozenset(flags[1].decode().split()) - {"\\Recent"}
            self.put(INBOX, int(uid[1]), token[1].decode(), names)
            tokens.add(token[1].decode())
            self.last = max(self.last, int(uid[1]))
        self.promised(tokens, INBOX=self.last)

    async def store(self) -> None:
        """Other flags."""
        name = self.rng.choice(MAILBOXES)
        uids = self.some(name)
        if uids:
            flag, sign = self.rng.choice(FLAGS), self.rng.choice("++-")
            await self._store(name, uids, sign, flag)

    async def _store(self, name: str, uids: list[int], sign: str, flag: str) -> None:
        await self.select(name)
        await self.command(f"UID STORE {_set(uids)} {sign}FLAGS.SILENT ({flag})")
        for uid in uids:
            flags = self.flags[name, uid]
            self.flags[name, uid] = flags | {flag} if sign == "+" else flags - {flag}
        self.promised({self.held[name][uid] for uid in uids})

    async def copy(self) -> None:
        """Copies in another mailbox."""
        await self._send_on("COPY")

    async def move(self) -> None:
        """Messages go to another mailbox."""
        await self._send_on("MOVE")

    async def _send_on(self, verb: str) -> None:
        name, other = self.rng.sample(MAILBOXES, 2)
        there = set(self.held[other].values())
        uids = [uid for uid in self.some(name) if self.held[name][uid] not in there]
        if not uids:
            return
        await self.select(name)
        answer = await self.command(f"UID {verb} {_set(uids)} {other}")
        found = re.search(rb"COPYUID \d+ ([\d,:]+) ([\d,:]+)", answer)
        assert found is not None, answer
        tokens, highest = set(), 0
        for old, new in zip(_numbers(found[1]), _numbers(found[2]), strict=True):
            token = self.held[name][old]
            self.put(other, new, token, self.flags[name, old])
            if verb == "MOVE":
                del self.held[name][old]
            tokens.add(token)
            highest = max(highest, new)
        self.promised(tokens, **{other: highest})

    async def expunge(self) -> None:
        """Messages go for good."""
        name = self.rng.choice(MAILBOXES)
        uids = self.some(name, 6)
        if not uids:
            return
        await self._store(name, uids, "+", "\\Deleted")
        await self.command(f"UID EXPUNGE {_set(uids)}")
        self.promised({self.held[name].pop(uid) for uid in uids})


def _set(uids: list[int]) -> str:
    return ",".join(map(str, sorted(uids)))


def _numbers(text: bytes) -> list[int]:
    found: list[int] = []
    for part in text.split(b","):
        first, _, last = part.partition(b":")
        found += range(int(first), int(last or first) + 1)
    return found
