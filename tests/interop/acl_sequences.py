"""What people ask in the comparison of rights: sequences written by hand, and random ones from numbers."""

from __future__ import annotations

from random import Random

from acl_world import OWNER, PEOPLE, Step, step

RIGHTS = "lrswipkxteacd"
LENGTH = 30

_FLAGS = (
    "",
    "\\Seen",
    "\\Flagged",
    "\\Deleted",
    "\\Seen \\Deleted",
    "\\Answered $Forwarded",
    "\\Draft \\Seen",
)


def _every_right(root: str) -> list[Step]:
    """Each right alone with lookup, tried with all that needs one."""
    steps = [step(OWNER, "CREATE", root), step(OWNER, "CREATE", f"{root}/Old")]
    for flags in _FLAGS[:3]:
        steps.append(step(OWNER, "APPEND", root, flags))
    for right in ("", *RIGHTS):
        steps += [
            step(OWNER, "SETACL", root, "bert", f"l{right}"),
            step(OWNER, "GETACL", root),
            step("bert", "MYRIGHTS", root),
            step("bert", "LIST", root),
            step("bert", "SELECT", root),
            step("bert", "STATUS", root),
            step("bert", "GETACL", root),
            step("bert", "APPEND", root, "\\Seen"),
            step("bert", "CREATE", f"{root}/New"),
            step("bert", "SETACL", root, "carl", "l"),
            step("bert", "SUBSCRIBE", root),
        ]
    return steps


def _reading_and(root: str) -> list[Step]:
    """Each right together with reading, tried in the open folder."""
    steps = [step(OWNER, "CREATE", root), step(OWNER, "CREATE", f"{root}/Other")]
    steps += [step(OWNER, "APPEND", root, flags) for flags in _FLAGS]
    for right in ("", *RIGHTS):
        steps += [
            step(OWNER, "SETACL", root, "bert", f"lr{right}"),
            step("bert", "SELECT", root),
            step("bert", "STORE", root, "+FLAGS", "\\Seen \\Flagged \\Deleted"),
            step("bert", "STORE", root, "FLAGS", "$Forwarded"),
            step("bert", "STORE", root, "-FLAGS", "\\Deleted"),
            step("bert", "COPY", "COPY", root, root),
            step("bert", "EXPUNGE", root),
            step(OWNER, "STORE", root, "FLAGS", "\\Answered"),
        ]
    return steps


def _who_is_who(root: str) -> list[Step]:
    """The owner, people who do not exist, everybody, rights that are taken away."""
    return [
        step(OWNER, "CREATE", root),
        step(OWNER, "LISTRIGHTS", root, "bert"),
        step(OWNER, "LISTRIGHTS", root, OWNER),
        step(OWNER, "LISTRIGHTS", root, "anyone"),
        step(OWNER, "SETACL", root, "nobody@posthouse.test", "lr"),
        step(OWNER, "SETACL", root, "nobody@posthouse.test", "+s"),
        step(OWNER, "GETACL", root),
        step(OWNER, "LISTRIGHTS", root, "nobody@posthouse.test"),
        step(OWNER, "DELETEACL", root, "nobody@posthouse.test"),
        step(OWNER, "DELETEACL", root, "nobody@posthouse.test"),
        step(OWNER, "SETACL", root, "bert", "lrq"),
        step(OWNER, "SETACL", root, "bert", "lrs"),
        step(OWNER, "SETACL", root, "bert", "-s"),
        step(OWNER, "SETACL", root, "bert", "+wi"),
        step(OWNER, "GETACL", root),
        step("bert", "LISTRIGHTS", root, "bert"),
        step("carl", "LISTRIGHTS", root, "carl"),
        step(OWNER, "SETACL", root, "anyone", "l"),
        step("carl", "MYRIGHTS", root),
        step("carl", "LIST", root),
        step("carl", "SELECT", root),
        step(OWNER, "SETACL", root, "-bert", "r"),
        step(OWNER, "GETACL", root),
        step("bert", "MYRIGHTS", root),
        step("bert", "SELECT", root),
        step(OWNER, "DELETEACL", root, "-bert"),
        step("bert", "MYRIGHTS", root),
        step(OWNER, "DELETEACL", root, "bert"),
        step("bert", "MYRIGHTS", root),
        step(OWNER, "DELETEACL", root, "anyone"),
        step("bert", "MYRIGHTS", root),
        # Where the two do not mean the same.
        step(OWNER, "SETACL", root, "anyone", "lrs"),
        step(OWNER, "SETACL", root, "bert", "l"),
        step("bert", "MYRIGHTS", root),
        step(OWNER, "DELETEACL", root, "anyone"),
        step(OWNER, "SETACL", root, "bert", ""),
        step(OWNER, "GETACL", root),
        step(OWNER, "DELETEACL", root, "bert"),
        step(OWNER, "SETACL", root, OWNER, "la"),
        step(OWNER, "MYRIGHTS", root),
        step(OWNER, "GETACL", root),
        step(OWNER, "DELETEACL", root, OWNER),
        step(OWNER, "GETACL", root),
    ]


def _below(root: str) -> list[Step]:
    """Folders made, renamed and removed below a shared one, by both."""
    return [
        step(OWNER, "CREATE", root),
        step(OWNER, "SETACL", root, "bert", "lrk"),
        step("bert", "CREATE", f"{root}/A"),
        step("bert", "CREATE", f"{root}/A/B"),
        step("carl", "CREATE", f"{root}/A/C"),
        step(OWNER, "GETACL", f"{root}/A/B"),
        step("bert", "DELETE", f"{root}/A/B"),
        step("bert", "RENAME", f"{root}/A/B", f"{root}/B"),
        step(OWNER, "SETACL", f"{root}/A/B", "bert", "lrx"),
        step("bert", "RENAME", f"{root}/A/B", f"{root}/B"),
        step(OWNER, "GETACL", f"{root}/B"),
        step("bert", "RENAME", f"{root}/B", f"{root}/B/C/D"),
        step(OWNER, "SETACL", root, "carl", "l"),
        step(OWNER, "CREATE", f"{root}/E"),
        step("carl", "LIST", root),
        step("carl", "MYRIGHTS", f"{root}/E"),
        step("carl", "MYRIGHTS", f"{root}/A"),
        step(OWNER, "SETACL", f"{root}/E", "bert", "lx"),
        step("bert", "DELETE", f"{root}/E"),
        step("bert", "DELETE", f"{root}/E"),
        step("bert", "SELECT", f"{root}/E"),
        step(OWNER, "MYRIGHTS", f"{root}/E"),
        step(OWNER, "CREATE", f"{root}/F/G"),
        step(OWNER, "LIST", f"{root}/F"),
        step(OWNER, "DELETE", f"{root}/F/G"),
        step(OWNER, "DELETE", f"{root}/F"),
        step(OWNER, "SETACL", root, "carl", "sw"),
        step("carl", "MYRIGHTS", root),
        step(OWNER, "SETACL", root, "carl", "al"),
        step("carl", "GETACL", root),
        step(OWNER, "CREATE", f"{root}/H"),
        step(OWNER, "APPEND", f"{root}/H", ""),
        step(OWNER, "SETACL", f"{root}/H", "bert", "lrx"),
        step("bert", "DELETE", f"{root}/H"),
    ]


FIXED = {
    "every right": _every_right,
    "reading and": _reading_and,
    "who is who": _who_is_who,
    "below": _below,
}


def random_sequence(number: int, root: str) -> list[Step]:
    """A sequence that is always the same for its number. Rights of single people only: where several entries are about
    one person, the servers do not mean the same (``union``)."""
    draw = Random(number)
    folders = [root, f"{root}/A", f"{root}/B", f"{root}/C"]
    steps = [step(OWNER, "CREATE", folders[0]), step(OWNER, "CREATE", folders[1])]
    steps += [step(OWNER, "APPEND", folder, flags) for folder in folders[:2] for flags in _FLAGS[:3]]
    for _ in range(LENGTH):
        person = draw.choices(PEOPLE, (2, 3, 2))[0]
        others = PEOPLE[1:]
        folder = draw.choice(folders)
        rights = "".join(draw.sample(RIGHTS, draw.randint(1, 8)))
        some = rights if draw.random() < 0.5 else "lr" + rights
        steps.append(
            draw.choice(
                [
                    step(OWNER, "SETACL", folder, draw.choice(others), some),
                    step(OWNER, "SETACL", folder, draw.choice(others), "+" + rights),
                    step(person, "SETACL", folder, draw.choice(others), "l" + rights),
                    step(person, "DELETEACL", folder, draw.choice(others)),
                    step(person, "GETACL", folder),
                    step(person, "MYRIGHTS", folder),
                    step(person, "LIST", root),
                    step(person, "SELECT", folder),
                    step(person, "STATUS", folder),
                    step(person, "SUBSCRIBE", folder),
                    step(
                        person,
                        "STORE",
                        folder,
                        draw.choice(("FLAGS", "+FLAGS", "-FLAGS")),
                        draw.choice(_FLAGS),
                    ),
                    step(person, "COPY", draw.choice(("COPY", "MOVE")), folder, draw.choice(folders)),
                    step(person, "APPEND", folder, draw.choice(_FLAGS)),
                    step(person, "EXPUNGE", folder),
                    step(person, "CREATE", draw.choice(folders[1:])),
                    step(person, "DELETE", draw.choice(folders[1:])),
                    step(person, "RENAME", draw.choice(folders[1:]), draw.choice((f"{root}/R", folders[3]))),
                ]
            )
        )
    return steps
