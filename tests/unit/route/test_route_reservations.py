"""Promised mailbox space: counted per account, and given back however promises overlap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from posthouse.route.reservations import Reservations


def test_promises_of_unknown_size_overlap() -> None:
    """Two messages in flight to one account, both without SIZE: each can be released, in any order."""
    held = Reservations()
    held.promise("a", 7, 0)
    held.promise("b", 7, 0)
    held.release("a")
    held.release("b")
    held.release("b")
    assert len(held) == 0


_steps = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 2), st.one_of(st.none(), st.integers(0, 3))), max_size=30
)


@given(_steps)
def test_what_is_promised_is_the_sum_of_what_the_others_hold(
    steps: list[tuple[str, int, int | None]],
) -> None:
    """Whatever is promised, promised again with another size, and released."""
    held = Reservations()
    model: dict[str, dict[int, int]] = {}
    for trace, account, size in steps:
        if size is None:
            held.release(trace)
            model.pop(trace, None)
        else:
            held.promise(trace, account, size)
            model.setdefault(trace, {})[account] = size
        for asking in "abc":
            for number in (1, 2):
                others = sum(m.get(number, 0) for name, m in model.items() if name != asking)
                assert held.promised(number, apart_from=asking) == others
    assert len(held) == len(model)
