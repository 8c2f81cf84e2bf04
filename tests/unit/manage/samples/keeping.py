"""What is deleted or removed and may come back; quotas."""

SAMPLES = {
    "me.deleted": ({}, "each"),
    "me.deleted_restore": ({"everything": True}, "each"),
    "me.deleted_purge": ({"everything": True}, "each"),
    "deleted.show": ({"address": "{address}"}, "domain"),
    "deleted.restore": ({"address": "{address}", "hours": 24.0}, "domain"),
    "deleted.purge": ({"address": "{address}"}, "domain"),
    "removed.list": ({}, "each administrator"),
    "account.restore": ({"address": "gone@{domain}"}, "domain"),
    "account.purge": ({"address": "gone@{domain}"}, "domain"),
    "domain.restore": ({"name": "gone.example"}, "server"),
    "domain.purge": ({"name": "gone.example"}, "server"),
    "quota.show": ({"address": "{address}"}, "domain"),
    "quota.messages": ({"address": "{address}", "messages": 1000}, "domain"),
    "quota.warned": ({}, "each administrator"),
}
