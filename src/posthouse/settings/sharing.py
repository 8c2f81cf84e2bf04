"""Settings of shared folders and of METADATA."""

from __future__ import annotations

from posthouse.settings.contract import Setting

PUBLIC_FOLDERS = Setting(
    "imap.public_folders",
    "Public",
    "The name under which the public folders stand in everybody's list of folders. Empty: there are none.",
)

SHARED_FOLDERS = Setting(
    "imap.shared_folders",
    "Shared",
    "The name under which folders that others share stand in a person's list, below the address of their owner. "
    "Empty: nobody sees what others share.",
)

SHARE_WITHIN = Setting(
    "imap.share_within",
    "domain",
    "With whom people may share their folders, and who `anyone` is there: the accounts of their own domain, or all of "
    "the server (then they can find out which addresses it has). Public folders are for all of the server.",
    choices=("domain", "server"),
)

METADATA_SIZE = Setting(
    "imap.metadata_size",
    16384,
    "The largest value of one METADATA entry (RFC 5464).",
    unit="bytes",
    minimum=1024,
    maximum=1048576,
)
