"""Public folders, rights on folders, shared mailboxes."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/folders", "folder.list", "Sharing", items="folders"),
    Route("GET", "/folders/one", "folder.show", "Sharing"),
    Route("POST", "/folders/leave", "folder.leave", "Sharing"),
    Route("POST", "/folders", "folder.add", "Sharing", status=201),
    Route("DELETE", "/folders", "folder.remove", "Sharing"),
    Route("PUT", "/folders/rights", "folder.set_rights", "Sharing"),
    Route("PUT", "/folders/marks", "folder.set_marks", "Sharing"),
    Route("GET", "/folders/shared-with/{of}", "folder.shared_with", "Sharing", items="folders"),
    Route("GET", "/shared-mailboxes", "shared_mailbox.list", "Sharing", items="mailboxes"),
    Route("POST", "/shared-mailboxes", "shared_mailbox.add", "Sharing", status=201),
    Route("GET", "/shared-mailboxes/{address}", "shared_mailbox.show", "Sharing"),
    Route("PATCH", "/shared-mailboxes/{address}", "shared_mailbox.set", "Sharing"),
    Route("PUT", "/shared-mailboxes/{address}/members", "shared_mailbox.set_member", "Sharing"),
)
