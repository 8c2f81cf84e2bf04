"""Domains, accounts, aliases, roles."""

SAMPLES = {
    "domain.add": ({"name": "new.example"}, "server"),
    "domain.list": ({}, "each administrator"),
    "domain.show": ({"name": "{domain}"}, "domain"),
    "domain.remove": ({"name": "{domain}"}, "server"),
    "account.add": ({"address": "new@{domain}", "password": "a good one"}, "domain"),
    "account.list": ({"search": "anna"}, "each administrator"),
    "account.show": ({"address": "{address}"}, "domain"),
    "account.remove": ({"address": "{address}"}, "domain"),
    "account.password": ({"address": "{address}", "password": "a good one"}, "domain"),
    "account.quota": ({"address": "{address}", "quota": "1G"}, "domain"),
    "account.import": ({"text": "new@{domain},a good one\n"}, "each administrator"),
    "account.role": ({"address": "{address}", "role": "user"}, "server"),
    "account.active": ({"address": "{address}", "active": False}, "domain"),
    "alias.add": ({"address": "new@{domain}", "target": "{address}"}, "domain"),
    "alias.list": ({"search": "info"}, "each administrator"),
    "alias.show": ({"address": "{alias}"}, "domain"),
    "alias.remove": ({"address": "{alias}"}, "domain"),
}
