"""Block lists and allow lists."""

SAMPLES = {
    "network_list.add": ({"name": "more", "place": "/nowhere/list.txt"}, "server"),
    "network_list.change": ({"name": "drop", "active": False}, "server"),
    "network_list.list": ({}, "server"),
    "network_list.refresh": ({"name": "drop"}, "server"),
    "network_list.remove": ({"name": "drop"}, "server"),
    "network_list.show": ({"name": "drop"}, "server"),
}
