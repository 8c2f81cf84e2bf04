"""Public folders, rights on folders, shared mailboxes."""

SAMPLES = {
    "folder.add": ({"name": "News"}, "server"),
    "folder.list": ({"of": "{address}"}, "owner"),
    "folder.remove": ({"name": "News"}, "server"),
    "folder.set_marks": ({"of": "{address}", "name": "INBOX", "own": True}, "owner"),
    "folder.set_rights": ({"of": "{address}", "name": "INBOX", "who": "anyone", "rights": "read"}, "owner"),
    "folder.shared_with": ({"of": "{address}"}, "owner"),
    "shared_mailbox.add": ({"address": "shared-{address}"}, "domain"),
    "shared_mailbox.list": ({}, "each administrator"),
    "shared_mailbox.set_member": ({"address": "{address}", "who": "anyone"}, "domain"),
}
