"""A data folder of every schema that was ever on a server is brought up to date and keeps all it held.

``kept/`` has one archive for each: made by that version's own server, with two accounts, an alias, a quota, a
changed setting, six messages, flags, a copied and an expunged message.
"""

from __future__ import annotations

import imaplib
import json
import ssl
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from running import PASSWORD, RunningServer

from posthouse.database import migrations

KEPT = sorted((Path(__file__).parent / "kept").glob("schema-*.tar.xz"))


def test_every_schema_but_the_newest_has_a_folder() -> None:
    """A migration without an older folder to try it on is a promise nobody checked."""
    assert [path.name[7:11] for path in KEPT] == list(migrations.VERSIONS[:-1])


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name[:11])
def test_an_old_folder_serves(kept: Path, tmp_path: Path) -> None:
    """Started with the present program: everything is there, verify finds nothing, people can sign in."""
    server = RunningServer(tmp_path)
    with tarfile.open(kept) as archive:
        archive.extractall(tmp_path, filter="data")

    def command(*words: str) -> dict[str, object]:
        run = subprocess.run(
            [sys.executable, "-m", "posthouse", *words, "--json", "--config", str(server.config)],
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
        found: dict[str, object] = json.loads(run.stdout)
        return found

    server.start()
    try:
        assert command("setting", "get", "smtp.max_message_size")["raw"] == 20 * 1024 * 1024
        accounts = {row["address"]: row for row in command("account", "list")["accounts"]}  # type: ignore[attr-defined]
        assert set(accounts) == {"anna@example.org", "bert@example.org"}
        assert accounts["bert@example.org"]["quota"] == 5 * 1024 * 1024
        aliases = [
            (row["address"], row["target"], row["active"]) for row in command("alias", "list")["aliases"]
        ]  # type: ignore[attr-defined]
        assert aliases == [("info@example.org", "anna@example.org", True)]
        command("verify")  # ends with another code when anything is wrong

        trust = ssl.create_default_context(cafile=str(server.data / "tls" / "self-made.pem"))
        trust.check_hostname = False
        imap = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=trust)
        imap.login("anna@example.org", PASSWORD)
        imap.select()
        _, fetched = imap.fetch("1:*", "(UID FLAGS BODY.PEEK[TEXT])")
        bodies = [part[1] for part in fetched if isinstance(part, tuple)]
        assert bodies == [f"Body of letter {number}\r\n".encode() for number in (0, 1, 3, 4, 5)]
        uids = [part[0] for part in fetched if isinstance(part, tuple)]
        assert b"UID 2 FLAGS (\\Flagged \\Seen work)" in uids[1]
        assert b"UID 4 " in uids[2]  # 3 was expunged and stays unused
        _, archived = imap.select("Archive/2026")
        assert archived == [b"2"]
        imap.logout()
    finally:
        server.stop()
