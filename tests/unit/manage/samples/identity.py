"""Signing in, one's own pages, tokens."""

SAMPLES = {
    "account.factors_clear": ({"address": "{address}"}, "domain"),
    "identity.link": ({"address": "{address}"}, "server"),
    "identity.session_end": ({"id": 1}, "each administrator"),
    "identity.sessions": ({"address": "{address}"}, "each administrator"),
    "me.devices": ({}, "each"),
    "me.factor_list": ({}, "each"),
    "me.factor_remove": ({"id": 1}, "each"),
    "me.passkey_begin": ({"origin": "https://mail.example.org"}, "each"),
    "me.passkey_finish": ({"answer": "{}", "name": "key"}, "each"),
    "me.password": ({"current": "correct horse", "new": "another one"}, "each"),
    "me.quota": ({}, "each"),
    "me.recovery_codes": ({}, "each"),
    "me.session_end": ({"id": 1}, "each"),
    "me.sessions": ({}, "each"),
    "me.show": ({}, "each"),
    "me.totp_begin": ({}, "each"),
    "me.totp_confirm": ({"code": "123456", "name": "phone"}, "each"),
    "token.add": ({"name": "script", "rights": ["view"], "address": "{address}"}, "each"),
    "token.list": ({"address": "{address}"}, "each"),
    "token.remove": ({"id": 1}, "each"),
}
