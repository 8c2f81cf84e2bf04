"""Good parameters for each use of signing in, by its name."""

from __future__ import annotations

from typing import Any

SAMPLES: dict[str, dict[str, Any]] = {
    "account.factors_clear": {"address": "anna@example.org"},
    "identity.link": {"address": "anna@example.org"},
    "identity.session_end": {"id": 1},
    "identity.sessions": {"address": "anna@example.org"},
    "me.devices": {},
    "me.factor_list": {},
    "me.factor_remove": {"id": 1},
    "me.passkey_begin": {"origin": "https://mail.example.org"},
    "me.passkey_finish": {"answer": "{}", "name": "key"},
    "me.password": {"current": "correct horse", "new": "another one"},
    "me.quota": {},
    "me.recovery_codes": {},
    "me.session_end": {"id": 1},
    "me.sessions": {},
    "me.show": {},
    "me.totp_begin": {},
    "me.totp_confirm": {"code": "123456", "name": "phone"},
    "token.add": {"name": "script", "rights": ["view"], "address": "anna@example.org"},
    "token.list": {"address": "anna@example.org"},
    "token.remove": {"id": 1},
}
