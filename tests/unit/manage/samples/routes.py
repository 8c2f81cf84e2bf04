"""Routes."""

SAMPLES = {
    "route.add": ({"recipient": "partner.example", "target": "mx.partner.example"}, "server"),
    "route.address_add": ({"id": 1, "addresses": ["anna@partner.example"]}, "server"),
    "route.address_remove": ({"id": 1, "addresses": ["anna@partner.example"]}, "server"),
    "route.addresses": ({"id": 1}, "server"),
    "route.change": ({"id": 1, "active": False}, "server"),
    "route.list": ({}, "server"),
    "route.move": ({"id": 1, "place": 1}, "server"),
    "route.release": ({"id": 1}, "server"),
    "route.remove": ({"id": 1}, "server"),
    "route.show": ({"id": 1}, "server"),
    "route.smart_host": ({"target": "smart.example"}, "server"),
    "route.source": ({"domain": "own.example", "address": "192.0.2.1"}, "server"),
    "route.sources": ({}, "server"),
    "route.test": ({"id": 1}, "server"),
}
