"""How much may be sent, who is braked, and who may send as whom."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/sending/limits", "sending.exceptions", "Sending", items="exceptions"),
    Route("GET", "/sending/limits/{of}", "sending.limits", "Sending"),
    Route("PUT", "/sending/limits/{of}", "sending.set", "Sending"),
    Route("DELETE", "/sending/limits/{of}", "sending.unset", "Sending"),
    Route("GET", "/sending/braked", "sending.braked", "Sending", items="accounts"),
    Route("GET", "/sending/accounts/{address}", "sending.show", "Sending"),
    Route("GET", "/sending/accounts/{address}/samples", "sending.samples", "Sending"),
    Route("POST", "/sending/accounts/{address}/release", "sending.release", "Sending"),
    Route("POST", "/sending/accounts/{address}/reject", "sending.reject", "Sending"),
    Route("POST", "/sending/accounts/{address}/block", "sending.block", "Sending"),
    Route("POST", "/sending/accounts/{address}/unblock", "sending.unblock", "Sending"),
    Route("GET", "/accounts/{address}/send-as", "account.send_as", "Accounts", items="patterns"),
    Route("POST", "/accounts/{address}/send-as", "account.add_send_as", "Accounts"),
    Route("DELETE", "/accounts/{address}/send-as", "account.remove_send_as", "Accounts"),
)
