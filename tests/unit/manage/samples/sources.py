"""Sign-in sources."""

SAMPLES = {
    "source.add": ({"name": "more", "kind": "pam"}, "server"),
    "source.assign": ({"address": "{address}", "source": ""}, "server"),
    "source.change": ({"name": "corp", "active": False}, "server"),
    "source.list": ({}, "server"),
    "source.preview": ({"name": "corp"}, "server"),
    "source.remove": ({"name": "corp"}, "server"),
    "source.show": ({"name": "corp"}, "server"),
    "source.sync": ({"name": "corp"}, "server"),
    "source.test": ({"name": "corp", "address": "{address}", "password": "x"}, "server"),
}
