"""Signatures, automatic replies, archive rules and journals."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/domains/{name}/signature", "domain.signature", "Domains"),
    Route("PUT", "/domains/{name}/signature", "domain.signature_set", "Domains"),
    Route("GET", "/domains/{name}/archive", "domain.archive", "Domains"),
    Route("PUT", "/domains/{name}/archive", "domain.archive_set", "Domains"),
    Route("DELETE", "/domains/{name}/archive", "domain.archive_clear", "Domains"),
    Route("GET", "/accounts/{address}/signature", "account.signature", "Accounts"),
    Route("PUT", "/accounts/{address}/signature", "account.signature_set", "Accounts"),
    Route("GET", "/accounts/{address}/auto-reply", "account.auto_reply", "Accounts"),
    Route("PUT", "/accounts/{address}/auto-reply", "account.auto_reply_set", "Accounts"),
    Route("DELETE", "/accounts/{address}/auto-reply", "account.auto_reply_clear", "Accounts"),
    Route("GET", "/accounts/{address}/archive", "account.archive", "Accounts"),
    Route("PUT", "/accounts/{address}/archive", "account.archive_set", "Accounts"),
    Route("DELETE", "/accounts/{address}/archive", "account.archive_clear", "Accounts"),
    Route("GET", "/me/signature", "me.signature", "Me"),
    Route("PUT", "/me/signature", "me.signature_set", "Me"),
    Route("GET", "/me/auto-reply", "me.auto_reply", "Me"),
    Route("PUT", "/me/auto-reply", "me.auto_reply_set", "Me"),
    Route("DELETE", "/me/auto-reply", "me.auto_reply_clear", "Me"),
    Route("GET", "/me/archive", "me.archive", "Me"),
    Route("PUT", "/me/archive", "me.archive_set", "Me"),
    Route("DELETE", "/me/archive", "me.archive_clear", "Me"),
    Route("GET", "/journals", "journal.list", "Journals", items="journals"),
    Route("PUT", "/journals/{of}", "journal.set", "Journals"),
    Route("DELETE", "/journals/{of}", "journal.remove", "Journals"),
)
