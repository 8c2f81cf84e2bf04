"""Signing in to a whole server with the clients of the standard library and with swaks and curl: app passwords, client
certificates, SCRAM, an administrator for somebody else."""

from __future__ import annotations

import imaplib
import poplib
import shutil
import smtplib
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from running import PASSWORD, RunningServer

ANNA, CHIEF = "anna@posthouse.test", "chief@posthouse.test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("ways")
    authority, strangers = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name, maker in (("anna", authority), ("stranger", strangers)):
        made = maker.issue_cert("anna@elsewhere.example")
        made.private_key_and_cert_chain_pem.write_to_path(str(folder / f"{name}.pem"))
        made.cert_chain_pems[0].write_to_path(str(folder / f"{name}.crt"))
    running = RunningServer(folder / "server")
    running.add_domain()
    running.command("setting", "set", "signin.client_ca", str(folder / "ca.pem"))
    running.command("setting", "set", "signin.master_user", "true")
    for address in (ANNA, CHIEF):
        running.add_account(address)
    running.command("account", "role", CHIEF, "server")
    running.command("client-certificate", "add", ANNA, str(folder / "anna.crt"))
    running.start()
    yield running
    running.stop()


def context(server: RunningServer, name: str = "") -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if name:
        made.load_cert_chain(server.folder.parent / f"{name}.pem")
    return made


def refused(imap: imaplib.IMAP4, mechanism: str, response: bytes) -> None:
    with pytest.raises(imaplib.IMAP4.error):
        imap.authenticate(mechanism, lambda _: response)


def test_a_client_certificate_signs_in_everywhere(server: RunningServer) -> None:
    """EXTERNAL over IMAP, POP3 and submission; without a certificate it is not offered."""
    with imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=context(server, "anna")) as imap:
        assert "AUTH=EXTERNAL" in imap.capabilities
        assert imap.authenticate("EXTERNAL", lambda _: b"")[0] == "OK"
        assert imap.select("INBOX")[0] == "OK"
    with imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=context(server)) as imap:
        assert "AUTH=EXTERNAL" not in imap.capabilities
    with smtplib.SMTP("127.0.0.1", server.submission) as smtp:
        smtp.starttls(context=context(server, "anna"))
        smtp.ehlo()
        assert "EXTERNAL" in smtp.esmtp_features["auth"]
        assert smtp.docmd("AUTH", "EXTERNAL " + b64encode(ANNA.encode()).decode())[0] == 235
    pop = poplib.POP3_SSL("127.0.0.1", server.pop3s, context=context(server, "anna"))
    assert "EXTERNAL" in pop.capa()["SASL"]
    assert pop._shortcmd("AUTH EXTERNAL =").startswith(b"+OK")
    pop.quit()


def test_certificates_of_strangers_are_refused(server: RunningServer) -> None:
    """One of another authority does not get through the handshake; and nobody becomes somebody else."""
    with pytest.raises((ssl.SSLError, OSError, imaplib.IMAP4.abort)):
        imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=context(server, "stranger")).noop()
    with imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=context(server, "anna")) as imap:
        refused(imap, "EXTERNAL", CHIEF.encode())


def test_an_administrator_signs_in_for_somebody_and_the_audit_says_so(server: RunningServer) -> None:
    """With PLAIN's authorization identity and with the star; not the other way round."""
    for text in (f"{ANNA}\0{CHIEF}\0{PASSWORD}", f"\0{ANNA}*{CHIEF}\0{PASSWORD}"):
        with imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=context(server)) as imap:
            assert imap.authenticate("PLAIN", lambda _, text=text: text.encode())[0] == "OK"
    with imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=context(server)) as imap:
        refused(imap, "PLAIN", f"{CHIEF}\0{ANNA}\0{PASSWORD}".encode())
    assert server.command("audit", "list", "--json").stdout.count("account.acted_for") == 2


@pytest.mark.parametrize("tool", ["swaks", "curl"])
def test_an_app_password_is_good_until_it_is_removed(
    server: RunningServer, tool: str, tmp_path: Path
) -> None:
    """A mail program signs in with it, on whichever worker; after its removal it is refused at once."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    made = server.command(
        "app-password", "add", ANNA, tool, "--protocol", "submission", "--protocol", "imap"
    ).stdout
    password = made.strip().splitlines()[-1].strip()
    number = made.split()[2]
    assert signs_in(server, tool, password) == 0
    server.command("app-password", "remove", number)
    assert signs_in(server, tool, password) != 0


def signs_in(server: RunningServer, tool: str, password: str) -> int:
    if tool == "swaks":
        command = [
            "swaks",
            "--server",
            "127.0.0.1",
            "--port",
            str(server.submission),
            "--tls",
            "--auth",
            "PLAIN",
        ]
        command += ["--auth-user", ANNA, "--auth-password", password, "--quit-after", "AUTH"]
    else:
        command = [
            "curl",
            "-sk",
            "--url",
            f"imaps://127.0.0.1:{server.imaps}/",
            "--user",
            f"{ANNA}:{password}",
        ]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode
