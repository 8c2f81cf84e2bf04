"""The scheduler and mail whose recipient leads elsewhere by now: it goes there soon, not at the next long look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import time

from test_dispatch import Scene, scene

from posthouse.deliver.contract import unnoticed
from posthouse.deliver.results import Feedback
from posthouse.queue.contract import Lease

__all__ = ["scene"]


async def test_what_is_moved_is_tried_in_its_new_place(scene: Scene) -> None:
    """A route was made meanwhile. The row is an old one, and other mail came since."""
    scene.clock.now = time() + 10
    there = scene.remote.deliver

    async def deliver(leases: Sequence[Lease], answered: Callable[[], None] = unnoticed) -> Feedback:
        for lease in leases:
            if lease.recipient.destination != "mx:moved.test":
                return await there(leases, answered)
            await scene.database.run(scene.queue.move, lease, "route:7")
        return Feedback(well=True)

    scene.remote.deliver = deliver  # type: ignore[method-assign]
    scene.start()
    await scene.gone(await scene.put("first@other.test"))
    await scene.gone(await scene.put("a@moved.test"))
    assert [each.recipient.destination for group in scene.remote.groups for each in group][-1] == "route:7"
