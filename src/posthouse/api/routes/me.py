"""One's own account."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/me", "me.show", "Me"),
    Route("PUT", "/me/password", "me.password", "Me"),
    Route("GET", "/me/profile", "me.profile", "Me"),
    Route("PATCH", "/me/profile", "me.profile_change", "Me"),
    Route("GET", "/me/masked", "me.masked", "Me", items="masked"),
    Route("POST", "/me/masked", "me.masked_add", "Me", status=201),
    Route("PATCH", "/me/masked/{masked}", "me.masked_change", "Me"),
    Route("DELETE", "/me/masked/{masked}", "me.masked_remove", "Me"),
    Route("GET", "/me/quota", "me.quota", "Me"),
    Route("GET", "/me/devices", "me.devices", "Me", items="devices"),
    Route("GET", "/me/sessions", "me.sessions", "Me", items="sessions"),
    Route("DELETE", "/me/sessions/{id}", "me.session_end", "Me"),
    Route("GET", "/me/scheduled", "me.scheduled", "Me", items="messages"),
    Route("DELETE", "/me/scheduled/{id}", "me.cancel", "Me"),
    Route("GET", "/me/forward", "me.forward", "Me"),
    Route("PUT", "/me/forward", "me.forward_set", "Me"),
    Route("DELETE", "/me/forward", "me.forward_clear", "Me"),
    Route("GET", "/me/factors", "me.factor_list", "Me", items="factors"),
    Route("DELETE", "/me/factors/{id}", "me.factor_remove", "Me"),
    Route("POST", "/me/factors/totp", "me.totp_begin", "Me"),
    Route("POST", "/me/factors/totp/confirm", "me.totp_confirm", "Me", status=201),
    Route("POST", "/me/factors/passkey", "me.passkey_begin", "Me"),
    Route("POST", "/me/factors/passkey/finish", "me.passkey_finish", "Me", status=201),
    Route("POST", "/me/recovery-codes", "me.recovery_codes", "Me", status=201),
)
