"""Public folders, rights on folders, shared mailboxes."""

SAMPLES = {
    "folder.add": ({"name": "News"}, "server"),
    "folder.leave": ({"of": "{address}", "name": "Public/News"}, "owner"),
    "folder.list": ({"of": "{address}"}, "owner"),
    "folder.remove": ({"name": "News"}, "server"),
    "folder.set_marks": ({"of": "{address}", "name": "INBOX", "own": True}, "owner"),
    "folder.set_rights": ({"of": "{address}", "name": "INBOX", "who": "anyone", "rights": "read"}, "owner"),
    "folder.shared_with": ({"of": "{address}"}, "owner"),
    "folder.show": ({"of": "{address}", "name": "INBOX"}, "owner"),
    "shared_mailbox.add": ({"address": "shared-{address}"}, "domain"),
    "shared_mailbox.list": ({}, "each administrator"),
    "shared_mailbox.set": ({"address": "{address}", "keep_sent": False}, "domain"),
    "shared_mailbox.show": ({"address": "{address}"}, "domain"),
    "shared_mailbox.set_member": ({"address": "{address}", "who": "anyone"}, "domain"),
}
