"""The queue, as ``app.global_objects.delivery_queue``."""

from __future__ import annotations

from posthouse.client import generated as api
from posthouse.client.collection import PAGE, Collection, Page


class DeliveryQueue:
    """Messages that wait to be delivered."""

    def __init__(self, calls: api.Calls) -> None:
        self._calls = calls

    @property
    def items(self) -> Collection[api.Waiting]:
        """What waits now, oldest first."""
        return self.search("")

    def search(self, text: str) -> Collection[api.Waiting]:
        """What waits with this text in the sender, a recipient or as trace id."""

        def page(after: str) -> Page[api.Waiting]:
            found = self._calls.queue_list(limit=PAGE, after=after, search=text)
            total = found.total if found.total >= 0 else self._calls.queue_count(search=text).messages
            return Page(found.messages, found.next, total)

        return Collection(page)

    @property
    def count(self) -> int:
        """How many messages wait, counted up to 10001."""
        return self._calls.queue_list(limit=1).total

    def show(self, message_id: int) -> api.WaitingMessage:
        """One message and each recipient it is still owed to. Raises NotFound."""
        return self._calls.queue_show(message_id)

    def reset_delivery_time(self, message_id: int) -> int:
        """Try a message now; for how many recipients. Raises NotFound."""
        return self._calls.queue_retry(ids=[message_id]).recipients


class GlobalObjects:
    """``app.global_objects``."""

    def __init__(self, calls: api.Calls) -> None:
        self._calls = calls

    @property
    def delivery_queue(self) -> DeliveryQueue:
        """The queue."""
        return DeliveryQueue(self._calls)
