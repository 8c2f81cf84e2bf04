"""DKIM keys."""

SAMPLES = {
    "dkim.list": ({}, "each administrator"),
    "dkim.show": ({"domain": "{domain}", "selector": "mail"}, "domain"),
    "dkim.make": ({"domain": "{domain}", "algorithms": ["ed25519-sha256"]}, "server"),
    "dkim.rotate": ({"domain": "{domain}"}, "server"),
    "dkim.import": ({"domain": "{domain}", "selector": "mail", "key": "no key"}, "server"),
    "dkim.check": ({"domain": "{domain}"}, "server"),
    "dkim.activate": ({"domain": "{domain}", "selector": "mail"}, "server"),
    "dkim.retire": ({"domain": "{domain}", "selector": "mail"}, "server"),
    "dkim.remove": ({"domain": "{domain}", "selector": "mail"}, "server"),
}
