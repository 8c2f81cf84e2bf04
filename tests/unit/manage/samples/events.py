"""Events and webhooks."""

SAMPLES = {
    "event.list": ({}, "each"),
    "event.watch": ({"seconds": 0.01}, "each"),
    "webhook.add": ({"url": "https://receiver.example/hook"}, "server"),
    "webhook.change": ({"id": 1, "active": False}, "server"),
    "webhook.deliveries": ({"id": 1}, "server"),
    "webhook.list": ({}, "server"),
    "webhook.remove": ({"id": 1}, "server"),
    "webhook.show": ({"id": 1}, "server"),
    "webhook.test": ({"id": 1}, "server"),
}
