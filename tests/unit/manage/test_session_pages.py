"""The list of sessions page by page, and by network."""

from __future__ import annotations

import msgspec
import pytest
from test_manage_observation import ROOT, session

from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.manage.sessions import Choice, OpenSession
from posthouse.manage.use import perform


class Many:
    """Sessions, several of which began at the same moment."""

    def __init__(self) -> None:
        self.open = [self.made(number) for number in range(25)]

    def made(self, number: int) -> OpenSession:
        return msgspec.structs.replace(session(f"0-{number:02}", ""), since=1000.1 + number // 4)

    async def find(self, choice: Choice) -> tuple[list[OpenSession], int]:
        meant = sorted(self.open, key=lambda each: (-each.since, each.id))
        page = [each for each in meant if choice.follows(each.since, each.id)]
        return page[: choice.limit], len(meant)

    async def dismiss(self, choice: Choice, reason: str) -> list[OpenSession]:
        return []


async def test_each_session_stands_on_one_page(context: Context) -> None:
    """Whoever comes or goes meanwhile: none that stays is shown twice or passed over."""
    open_sessions = Many()
    context.sessions = open_sessions
    staying = {each.id for each in open_sessions.open} - {"0-20"}
    seen: list[str] = []
    after, number = "", 25
    while True:
        found = await perform(context, ROOT, "session.list", {"limit": 4, "after": after})
        seen += [each.id for each in found.sessions]
        open_sessions.open.append(open_sessions.made(number))  # newer than all others
        open_sessions.open = [each for each in open_sessions.open if each.id != "0-20"]
        number += 1
        if not (after := found.next):
            break
    assert len(seen) == len(set(seen))
    assert staying <= set(seen)
    assert set(seen) <= staying | {"0-20"}


@pytest.mark.parametrize(
    ("network", "taken"),
    [
        ("192.0.2.1", True),
        ("192.0.2.77/24", True),
        (" 192.0.2.0/31 ", True),
        ("192.0.2.2", False),
        ("2001:db8::/32", False),
        ("", True),
    ],
)
async def test_by_network(context: Context, network: str, taken: bool) -> None:
    class Asked(Many):
        choice = Choice()

        async def find(self, choice: Choice) -> tuple[list[OpenSession], int]:
            self.choice = choice
            return [], 0

    context.sessions = asked = Asked()
    await perform(context, ROOT, "session.list", {"peer": network})
    assert asked.choice.takes("0-1", "imap", "", "192.0.2.1") == taken
    assert asked.choice.takes("0-1", "lmtp", "", "unix socket") == (not network)


@pytest.mark.parametrize(
    "wrong",
    [{"peer": "nowhere"}, {"peer": "192.0.2.1/99"}, {"after": "x"}, {"after": "nan_0-1"}, {"after": "inf_"}],
)
async def test_what_is_no_filter_is_said(context: Context, wrong: dict[str, str]) -> None:
    context.sessions = Many()
    with pytest.raises(ManageError, match=r"is no (address and no network|place in the list)"):
        await perform(context, ROOT, "session.list", wrong)
