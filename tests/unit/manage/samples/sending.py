"""Limits of senders, brakes, and who may send as whom."""

SAMPLES = {
    "account.add_send_as": ({"address": "{address}", "pattern": "{alias}"}, "domain"),
    "account.remove_send_as": ({"address": "{address}", "pattern": "{alias}"}, "domain"),
    "account.send_as": ({"address": "{address}"}, "domain"),
    "sending.block": ({"address": "{address}"}, "domain"),
    "sending.braked": ({}, "each administrator"),
    "sending.exceptions": ({}, "server"),
    "sending.limits": ({"of": "{address}"}, "domain"),
    "sending.reject": ({"address": "{address}"}, "domain"),
    "sending.release": ({"address": "{address}"}, "domain"),
    "sending.samples": ({"address": "{address}"}, "domain"),
    "sending.set": ({"of": "{address}", "messages_hour": 10}, "server"),
    "sending.show": ({"address": "{address}"}, "domain"),
    "sending.unblock": ({"address": "{address}"}, "domain"),
    "sending.unset": ({"of": "{address}"}, "server"),
}
