"""What was deleted or removed and may come back, and quotas."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/me/deleted", "me.deleted", "Me", items="messages"),
    Route("POST", "/me/deleted/restore", "me.deleted_restore", "Me"),
    Route("POST", "/me/deleted/purge", "me.deleted_purge", "Me"),
    Route("GET", "/accounts/{address}/deleted", "deleted.show", "Deleted"),
    Route("POST", "/accounts/{address}/deleted/restore", "deleted.restore", "Deleted"),
    Route("DELETE", "/accounts/{address}/deleted", "deleted.purge", "Deleted"),
    Route("GET", "/removed", "removed.list", "Deleted", items="removed"),
    Route("POST", "/removed/accounts/{address}/restore", "account.restore", "Deleted"),
    Route("DELETE", "/removed/accounts/{address}", "account.purge", "Deleted"),
    Route("POST", "/removed/domains/{name}/restore", "domain.restore", "Deleted"),
    Route("DELETE", "/removed/domains/{name}", "domain.purge", "Deleted"),
    Route("GET", "/accounts/{address}/limits", "quota.show", "Quotas"),
    Route("PUT", "/accounts/{address}/limits", "quota.messages", "Quotas"),
    Route("GET", "/quotas/warned", "quota.warned", "Quotas", items="accounts"),
)
