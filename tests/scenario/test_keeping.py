"""A whole server: an administrator sets a quota by IMAP, it holds at RCPT; what is deleted comes back."""

from __future__ import annotations

import imaplib
import smtplib
from pathlib import Path

from running import PASSWORD, RunningServer

ROOT, ANNA = "root@posthouse.test", "anna@posthouse.test"


def test_quota_by_imap_and_mail_that_comes_back(tmp_path: Path) -> None:
    """SETQUOTA is an administrator's alone; RCPT refuses by size and by number; EXPUNGE is undone."""
    server = RunningServer(tmp_path)
    server.start()
    try:
        server.add_domain()
        server.add_account(ROOT)
        server.add_account(ANNA)
        server.command("account", "role", ROOT, "server")
        with imaplib.IMAP4("127.0.0.1", server.imap) as chief:
            chief.login(ROOT, PASSWORD)
            assert "QUOTASET" in str(chief.capability()[1])
            assert chief.setquota(ANNA, "(STORAGE 64 MESSAGE 2)")[0] == "OK"
            assert b"STORAGE 0 64" in chief.getquota(ANNA)[1][0]
            assert chief.setquota("nobody@posthouse.test", "(STORAGE 64)")[0] == "NO"
        with imaplib.IMAP4("127.0.0.1", server.imap) as anna:
            anna.login(ANNA, PASSWORD)
            assert "QUOTASET" not in str(anna.capability()[1])
            answer, text = anna.setquota('""', "(STORAGE 6400000)")
            assert answer == "NO"
            assert b"NOPERM" in text[0]
            assert anna.getquota(ROOT)[0] == "NO"
            with smtplib.SMTP("127.0.0.1", server.smtp) as mx:
                mx.ehlo("there.test")
                mx.mail("b@there.test", ["SIZE=70000"])
                assert mx.rcpt(ANNA)[0] == 552
                mx.rset()
                for _ in range(2):
                    mx.sendmail("b@there.test", [ANNA], "Subject: x\r\n\r\nx\r\n")
                mx.mail("b@there.test")
                assert mx.rcpt(ANNA)[0] == 452
            anna.select("INBOX")
            anna.store("1:*", "+FLAGS", "\\Deleted")
            anna.expunge()
            server.command("deleted", "restore", ANNA)
            assert anna.select("INBOX")[1] == [b"2"]
    finally:
        server.stop()
