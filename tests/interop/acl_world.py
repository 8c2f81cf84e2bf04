"""The same people and folders on two servers, both asked to do the same with rights, and what each then looks like.

A step is what somebody asks: ``Step(person, verb, *words)``. Folders are named as their owner, Anna, names them; others
find them below ``Shared/anna@…`` on both servers. The outcome of a step is a value that both servers should share.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from imap_answers import Answer, Asker

DOMAIN = "posthouse.test"
PEOPLE = ("anna", "bert", "carl")
OWNER = PEOPLE[0]
LETTER = b"From: anna@posthouse.test\r\nSubject: Of the sequence\r\n\r\nText.\r\n"

DOVECOT = """
mail_plugins = acl
protocol imap {
  mail_plugins = acl imap_acl
}
namespace shared {
  type = shared
  separator = /
  prefix = Shared/%%u/
  location = maildir:{root}/mail/%%u
  subscriptions = no
  list = children
}
plugin {
  acl = vfile::cache_secs=0
  acl_shared_dict = file:{root}/shared/shared.db
  acl_anyone = allow
}
"""

Outcome = object
_WORD = re.compile(r'"([^"\\]*)"|([^\s"]+)')


@dataclass(frozen=True, slots=True)
class Step:
    """What one person asks for."""

    person: str
    verb: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.person}: {self.verb} {' '.join(self.words)}"


def step(person: str, verb: str, *words: str) -> Step:
    """A step."""
    return Step(person, verb, words)


def address(person: str) -> str:
    """The identifier of a person; ``anyone`` and identifiers with ``-`` alike."""
    name = person.removeprefix("-")
    return f"{person}@{DOMAIN}" if name in PEOPLE else person


def seen_by(person: str, folder: str) -> str:
    """The name that a folder of Anna's has for somebody."""
    return folder if person == OWNER else f"Shared/{address(OWNER)}/{folder}"


def untold(name: str) -> str:
    """The name without the way to it."""
    return name.removeprefix(f"Shared/{address(OWNER)}/")


class House:
    """One server with all people signed in."""

    def __init__(self, port: int, password: str) -> None:
        self._port = port
        self._password = password
        self._sessions: dict[str, Asker] = {}

    def session(self, person: str) -> Asker:
        """The session of somebody."""
        if person not in self._sessions:
            self._sessions[person] = Asker(self._port, address(person), self._password)
        return self._sessions[person]

    def sign_out(self) -> None:
        """End all sessions: what a server keeps in memory for a session is forgotten."""
        for session in self._sessions.values():
            session.__exit__()
        self._sessions.clear()

    def take(self, asked: Step) -> Outcome:
        """The outcome of a step."""
        return VERBS[asked.verb](self.session(asked.person), asked.person, asked.words)

    def state(self, root: str) -> dict[str, Outcome]:
        """All that can be seen of a folder and those below it, by everybody."""
        found: dict[str, Outcome] = {}
        names = _listed(self.session(OWNER), OWNER, root)
        for person in PEOPLE:
            session = self.session(person)
            found[f"{person}: LIST"] = _listed(session, person, root)
            for name in names:
                found[f"{person}: MYRIGHTS {name}"] = VERBS["MYRIGHTS"](session, person, (name,))
        for name in names:
            found[f"GETACL {name}"] = VERBS["GETACL"](self.session(OWNER), OWNER, (name,))
            found[f"FETCH {name}"] = VERBS["FLAGS"](self.session(OWNER), OWNER, (name,))
        return found


def word(answer: Answer) -> str:
    """OK, NO, BAD or CLOSED."""
    return answer.status.split()[0]


def _values(line: bytes) -> list[str]:
    """The words of a response, quoted or not."""
    assert line.endswith(b"\r\n"), line
    assert b"{" not in line, line
    return [quoted or plain for quoted, plain in _WORD.findall(line.strip().removeprefix(b"* ").decode())]


def _response(answer: Answer, name: str) -> list[str] | None:
    """The words of the one response of this name, None unless the command succeeded."""
    if not answer.ok:
        return None
    (line,) = [each for each in answer.responses if each.startswith(b"* " + name.encode())]
    return _values(line)


def _rights(text: str) -> str:
    return "".join(sorted(text))


def _plain(verb: str) -> Callable[[Asker, str, Sequence[str]], Outcome]:
    """A command on one folder, and then as it is."""

    def ask(session: Asker, person: str, words: Sequence[str]) -> Outcome:
        folder, *rest = words
        return word(session.ask(" ".join([verb, f'"{seen_by(person, folder)}"', *rest])))

    return ask


def _entry(verb: str) -> Callable[[Asker, str, Sequence[str]], Outcome]:
    """SETACL and DELETEACL."""

    def ask(session: Asker, person: str, words: Sequence[str]) -> Outcome:
        folder, who, *rights = words
        given = [f'"{each}"' for each in (seen_by(person, folder), address(who), *rights)]
        return word(session.ask(" ".join([verb, *given])))

    return ask


def _getacl(session: Asker, person: str, words: Sequence[str]) -> Outcome:
    found = _response(session.ask(f'GETACL "{seen_by(person, words[0])}"'), "ACL")
    if found is None:
        return "NO"
    return dict(sorted(zip(found[2::2], map(_rights, found[3::2]), strict=True)))


def _listrights(session: Asker, person: str, words: Sequence[str]) -> Outcome:
    asked = f'LISTRIGHTS "{seen_by(person, words[0])}" "{address(words[1])}"'
    found = _response(session.ask(asked), "LISTRIGHTS")
    return "NO" if found is None else (_rights(found[3]), sorted(map(_rights, found[4:])))


def _myrights(session: Asker, person: str, words: Sequence[str]) -> Outcome:
    found = _response(session.ask(f'MYRIGHTS "{seen_by(person, words[0])}"'), "MYRIGHTS")
    return "NO" if found is None else _rights(found[2])


def _listed(session: Asker, person: str, root: str) -> list[str]:
    """The folders from a root on. Names that only stand above others are left out: servers may list them or not."""
    found: list[str] = []
    for pattern in (root, f"{root}/*"):
        answer = session.must(f'LIST "" "{seen_by(person, pattern)}"')
        for line in answer.responses:
            begin = re.match(rb"\* LIST \(([^)]*)\) ", line)
            assert begin is not None, line
            name = _values(line[begin.end() :])[1]
            if not re.search(rb"\\(noselect|nonexistent)", begin[1].lower()):
                found.append(untold(name))
    return sorted(found)


def _select(session: Asker, person: str, words: Sequence[str]) -> Outcome:
    answer = session.ask(f'SELECT "{seen_by(person, words[0])}"')
    if not answer.ok:
        return word(answer)
    session.ask("UNSELECT")
    permanent = next(
        re.findall(rb"\\?[\w*$]+", line.partition(b"[PERMANENTFLAGS")[2].partition(b"]")[0])
        for line in answer.responses
        if b"PERMANENTFLAGS" in line
    )
    return answer.status.split()[1].strip("[]"), sorted(flag.decode() for flag in permanent)


def _flags_of(session: Asker) -> list[list[str]]:
    """The flags of all messages of the open folder; \\Recent is not compared."""
    answer = session.must("UID FETCH 1:* (FLAGS)")
    found = [re.search(rb"FLAGS \(([^)]*)\)", line) for line in answer.responses]
    return [sorted(set(match[1].decode().split()) - {"\\Recent"}) for match in found if match]


def _store(session: Asker, person: str, words: Sequence[str]) -> Outcome:
    folder, change, flags = words
    opened = session.ask(f'SELECT "{seen_by(person, folder)}"')
    if not opened.ok:
        return word(opened)
    done = [word(session.ask(f"STORE 1 {change} ({flags})")), _flags_of(session)]
    session.ask("UNSELECT")
    return done


def _copy(session: Asker, person: str, words: Sequence[str]) -> Outcome:
    verb, folder, target = words
    opened = session.ask(f'SELECT "{seen_by(person, folder)}"')
    if not opened.ok:
        return word(opened)
    done = [word(session.ask(f'{verb} 1 "{seen_by(person, target)}"')), _flags_of(session)]
    session.ask("UNSELECT")
    return done


def _expunge(session: Asker, person: str, words: Sequence[str]) -> Outcome:
    opened = session.ask(f'SELECT "{seen_by(person, words[0])}"')
    if not opened.ok:
        return word(opened)
    done = [word(session.ask("EXPUNGE")), _flags_of(session)]
    session.ask("UNSELECT")
    return done


def _append(session: Asker, person: str, words: Sequence[str]) -> Outcome:
    folder, flags = words
    start = f'APPEND "{seen_by(person, folder)}" ({flags}) {{{len(LETTER)}+}}\r\n'
    return word(session.ask(start.encode() + LETTER))


def _flags(session: Asker, person: str, words: Sequence[str]) -> Outcome:
    opened = session.ask(f'EXAMINE "{seen_by(person, words[0])}"')
    if not opened.ok:
        return word(opened)
    found = _flags_of(session)
    session.ask("UNSELECT")
    return found


def _rename(session: Asker, person: str, words: Sequence[str]) -> Outcome:
    return word(session.ask("RENAME " + " ".join(f'"{seen_by(person, each)}"' for each in words)))


VERBS: dict[str, Callable[[Asker, str, Sequence[str]], Outcome]] = {
    "SETACL": _entry("SETACL"),
    "DELETEACL": _entry("DELETEACL"),
    "GETACL": _getacl,
    "LISTRIGHTS": _listrights,
    "MYRIGHTS": _myrights,
    "LIST": lambda session, person, words: _listed(session, person, words[0]),
    "SELECT": _select,
    "STATUS": lambda session, person, words: _plain("STATUS")(session, person, [words[0], "(MESSAGES)"]),
    "SUBSCRIBE": _plain("SUBSCRIBE"),
    "CREATE": _plain("CREATE"),
    "DELETE": _plain("DELETE"),
    "RENAME": _rename,
    "STORE": _store,
    "COPY": _copy,
    "EXPUNGE": _expunge,
    "APPEND": _append,
    "FLAGS": _flags,
}


def changes_rights(asked: Step) -> bool:
    """Whether a server may have to forget what it knows of rights."""
    return asked.verb in ("SETACL", "DELETEACL", "CREATE", "DELETE", "RENAME")


def differing(ours: dict[str, Outcome], theirs: dict[str, Outcome]) -> Iterable[tuple[str, Outcome, Outcome]]:
    """What differs between two states."""
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield name, ours.get(name), theirs.get(name)
