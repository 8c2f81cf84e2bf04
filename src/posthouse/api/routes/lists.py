"""Distribution lists and groups."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/lists", "list.list", "Lists", items="lists"),
    Route("POST", "/lists", "list.add", "Lists", status=201),
    Route("GET", "/lists/{address}", "list.show", "Lists", etag=True),
    Route("PATCH", "/lists/{address}", "list.change", "Lists"),
    Route("DELETE", "/lists/{address}", "list.remove", "Lists"),
    Route("GET", "/lists/{address}/members", "list.members", "Lists", items="members"),
    Route("POST", "/lists/{address}/members", "list.member_add", "Lists", status=201),
    Route("POST", "/lists/{address}/members/remove", "list.member_remove", "Lists"),
    Route("POST", "/lists/{address}/members/switch", "list.member_switch", "Lists"),
    Route("POST", "/lists/{address}/import", "list.import", "Lists"),
    Route("GET", "/lists/{address}/export", "list.export", "Lists"),
    Route("GET", "/lists/{address}/held", "list.held", "Lists"),
    Route("POST", "/lists/{address}/held/{post}/approve", "list.approve", "Lists"),
    Route("POST", "/lists/{address}/held/{post}/reject", "list.reject", "Lists"),
    Route("GET", "/me/lists", "me.lists", "Lists"),
    Route("POST", "/me/lists/{address}/leave", "me.list_leave", "Lists"),
    Route("GET", "/me/lists/{address}/members", "me.list_members", "Lists", items="members"),
    Route("POST", "/me/lists/{address}/members", "me.list_member_add", "Lists", status=201),
    Route("POST", "/me/lists/{address}/members/remove", "me.list_member_remove", "Lists"),
    Route("GET", "/me/lists/{address}/held", "me.list_held", "Lists"),
    Route("POST", "/me/lists/{address}/held/{post}/approve", "me.list_approve", "Lists"),
    Route("POST", "/me/lists/{address}/held/{post}/reject", "me.list_reject", "Lists"),
    Route("GET", "/groups", "group.list", "Groups", items="groups"),
    Route("POST", "/groups", "group.add", "Groups", status=201),
    Route("GET", "/groups/{name}", "group.show", "Groups", etag=True),
    Route("PATCH", "/groups/{name}", "group.change", "Groups"),
    Route("DELETE", "/groups/{name}", "group.remove", "Groups"),
    Route("POST", "/groups/{name}/members", "group.member_add", "Groups", status=201),
    Route("POST", "/groups/{name}/members/remove", "group.member_remove", "Groups"),
)
