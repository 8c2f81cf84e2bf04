"""Real mail programs send to Posthouse and read from it; every body must come through byte for byte."""

from __future__ import annotations

import imaplib
import poplib
import shutil
import smtplib
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from awkward import AWKWARD, READER, body_of
from running import PASSWORD, RunningServer


def run(*words: str | Path, stdin: bytes = b"", cwd: Path | None = None) -> bytes:
    """Run a program; its output. Fails with its words when it fails."""
    done = subprocess.run(
        [str(word) for word in words], input=stdin, capture_output=True, timeout=60, check=False, cwd=cwd
    )
    assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


def fetch_by_subject(house: RunningServer, account: str, word: str, seconds: float = 5.0) -> bytes:
    """The newest message whose subject has a word, over IMAP."""
    until = time.monotonic() + seconds
    with imaplib.IMAP4("127.0.0.1", house.imap) as client:
        client.login(account, PASSWORD)
        while True:
            client.select("INBOX", readonly=True)
            found = client.search(None, "SUBJECT", f'"{word}"')[1][0].split()
            if found:
                data = client.fetch(found[-1].decode(), "(BODY.PEEK[])")[1]
                assert isinstance(data[0], tuple)
                return bytes(data[0][1])
            assert time.monotonic() < until, f"no message about {word}"
            time.sleep(0.1)


def with_subject(word: str) -> bytes:
    """AWKWARD under another subject and Message-ID."""
    return AWKWARD.replace(b"=?utf-8?q?awkward_=E2=82=AC?=", word.encode()).replace(
        b"<awkward@", f"<{word}@".encode()
    )


@pytest.fixture
def account(house: RunningServer, request: pytest.FixtureRequest) -> str:
    """An account of the test's own."""
    address = f"{request.node.name.split('[')[0].replace('_', '-')[:50]}@posthouse.test"
    house.add_account(address)
    return address


@pytest.mark.needs("swaks")
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_swaks_to_port_25(house: RunningServer, tls: bool, tmp_path: Path) -> None:
    """swaks hands over a message as a stranger, with and without STARTTLS."""
    word = f"swaks-{'tls' if tls else 'plain'}"
    path = tmp_path / "message"
    path.write_bytes(with_subject(word).replace(b"\r\n", b"\n"))
    options = ["--tls"] if tls else []
    run(
        *("swaks", "--server", "127.0.0.1", "--port", str(house.smtp), "--from", "a@example.org"),
        *("--to", READER, "--data", f"@{path}", *options),
    )
    assert body_of(fetch_by_subject(house, READER, word)).startswith(body_of(AWKWARD))


@pytest.mark.needs("swaks")
def test_swaks_submits_and_lmtp(house: RunningServer) -> None:
    """swaks signs in on 587 after STARTTLS and on 465, and speaks LMTP."""
    base = ("swaks", "--server", "127.0.0.1", "--to", READER, "--from", READER)
    sign_in = ("--auth", "PLAIN", "--auth-user", READER, "--auth-password", PASSWORD)
    run(*base, "--port", str(house.submission), "--tls", *sign_in, "--header", "Subject: swaks-587")
    run(*base, "--port", str(house.submissions), "--tlsc", *sign_in, "--header", "Subject: swaks-465")
    run(*base, "--port", str(house.lmtp), "--protocol", "LMTP", "--header", "Subject: swaks-lmtp")
    for word in ("swaks-587", "swaks-465", "swaks-lmtp"):
        fetch_by_subject(house, READER, word)


@pytest.mark.needs("msmtp")
@pytest.mark.parametrize("method", ["plain", "login", "scram-sha-256"])
def test_msmtp_submits(house: RunningServer, certificate: Path, tmp_path: Path, method: str) -> None:
    """msmtp signs in with each method over STARTTLS and submits."""
    rc = tmp_path / "msmtprc"
    rc.write_text(
        f"account a\nhost 127.0.0.1\nport {house.submission}\nfrom {READER}\nauth {method}\nuser {READER}\n"
        f"password {PASSWORD}\ntls on\ntls_starttls on\ntls_certcheck off\n"
    )
    rc.chmod(0o600)
    word = f"msmtp-{method}"
    run("msmtp", "-C", rc, "-a", "a", READER, stdin=with_subject(word).replace(b"\r\n", b"\n"))
    assert body_of(fetch_by_subject(house, READER, word)) == body_of(AWKWARD)


def test_smtplib_submits_over_tls(house: RunningServer) -> None:
    """The standard library's client submits on 465; nothing of the body changes."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with smtplib.SMTP_SSL("127.0.0.1", house.submissions, context=context) as client:
        client.login(READER, PASSWORD)
        client.sendmail(READER, [READER], with_subject("smtplib-465"), ["BODY=8BITMIME"])
    assert body_of(fetch_by_subject(house, READER, "smtplib-465")) == body_of(AWKWARD)


@pytest.mark.needs("curl")
def test_curl_sends_and_reads(house: RunningServer, account: str, tmp_path: Path) -> None:
    """curl submits by SMTP, appends and reads by IMAP, and retrieves by POP3."""
    path = tmp_path / "message"
    path.write_bytes(with_subject("curl-smtp"))
    sign_in = ("-u", f"{account}:{PASSWORD}", "-k", "-sS")
    run(
        *("curl", *sign_in, "--ssl-reqd", f"smtp://127.0.0.1:{house.submission}", "--mail-from", account),
        *("--mail-rcpt", account, "-T", path),
    )
    # curl appends a line end where a file has none; ours ends with one
    run("curl", *sign_in, "-T", path, f"imap://127.0.0.1:{house.imap}/Sent")
    got = run("curl", *sign_in, f"imaps://127.0.0.1:{house.imaps}/INBOX;MAILINDEX=1")
    assert body_of(got) == body_of(AWKWARD)
    assert run("curl", *sign_in, f"imap://127.0.0.1:{house.imap}/Sent;MAILINDEX=1") == path.read_bytes()
    assert body_of(run("curl", *sign_in, f"pop3s://127.0.0.1:{house.pop3s}/1")) == body_of(AWKWARD)


@pytest.mark.needs("mpop")
def test_mpop_retrieves(house: RunningServer, account: str, tmp_path: Path) -> None:
    """mpop fetches by POP3 over TLS into a maildir and leaves nothing behind."""
    with smtplib.SMTP("127.0.0.1", house.smtp) as client:
        for number in range(5):
            client.sendmail("a@example.org", [account], with_subject(f"mpop-{number}"))
    for place in ("new", "cur", "tmp"):
        (tmp_path / "maildir" / place).mkdir(parents=True)
    rc = tmp_path / "mpoprc"
    rc.write_text(
        f"account a\nhost 127.0.0.1\nport {house.pop3s}\nuser {account}\npassword {PASSWORD}\ntls on\n"
        f"tls_starttls off\ntls_certcheck off\nauth user\nkeep off\n"
        f"uidls_file {tmp_path}/uidls\ndelivery maildir {tmp_path}/maildir\nreceived_header off\n"
    )
    rc.chmod(0o600)
    run("mpop", "-C", rc, "a")
    got = [path.read_bytes() for path in (tmp_path / "maildir" / "new").iterdir()]
    assert len(got) == 5
    wanted = body_of(AWKWARD).replace(b"\r\n", b"\n")
    assert all(body.replace(b"\r\n", b"\n").partition(b"\n\n")[2] == wanted for body in got)
    box = poplib.POP3("127.0.0.1", house.pop3)
    box.user(account)
    box.pass_(PASSWORD)
    assert box.stat() == (0, 0)
    box.quit()


MBSYNCRC = """\
IMAPAccount a
Host 127.0.0.1
Port {port}
User {user}
Pass {password}
SSLType IMAPS
CertificateFile {certificate}

IMAPStore far
Account a

MaildirStore near
SubFolders Verbatim
Path {folder}/mail/
Inbox {folder}/mail/INBOX

Channel c
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
Sync All
SyncState *
"""


def maildir(folder: Path) -> dict[bytes, str]:
    """Bodies of a maildir with the flags in their file names."""
    found = {}
    for path in [*(folder / "new").iterdir(), *(folder / "cur").iterdir()]:
        body = path.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")[2]
        found[body] = path.name.rpartition("2,")[2] if "2," in path.name else ""
    return found


@pytest.mark.needs("mbsync")
def test_mbsync_converges_in_both_directions(
    house: RunningServer, account: str, certificate: Path, tmp_path: Path
) -> None:
    """New mail, flags, deletions and new folders travel both ways, and a second run changes nothing."""
    rc = tmp_path / "mbsyncrc"
    (tmp_path / "mail").mkdir()
    rc.write_text(
        MBSYNCRC.format(
            port=house.imaps, user=account, password=PASSWORD, certificate=certificate, folder=tmp_path
        )
    )

    def sync() -> None:
        run("mbsync", "-c", rc, "c")

    with smtplib.SMTP("127.0.0.1", house.smtp) as client:
        for number in range(10):
            text = with_subject(f"mbsync-{number}") + b"number %d\r\n" % number
            client.sendmail("a@example.org", [account], text)
    sync()
    inbox = tmp_path / "mail" / "INBOX"
    wanted = {(body_of(AWKWARD) + b"number %d\r\n" % n).replace(b"\r\n", b"\n") for n in range(10)}
    assert set(maildir(inbox)) == wanted

    # here: one read, one deleted, one new, one new folder; there: one flagged, one deleted
    bodies = sorted(wanted)
    local = {path.read_bytes().partition(b"\n\n")[2]: path for path in (inbox / "new").iterdir()}
    local[bodies[0]].rename(inbox / "cur" / (local[bodies[0]].name.partition(":")[0] + ":2,S"))
    if ",U=" not in local[bodies[1]].name:
        pytest.fail("mbsync did not name the message by its UID")
    local[bodies[1]].unlink()
    for place in ("new", "cur", "tmp"):
        (tmp_path / "mail" / "Projects" / place).mkdir(parents=True)
    (inbox / "new" / "1.local").write_bytes(b"Subject: born-here\n\nborn here\n")
    (tmp_path / "mail" / "Projects" / "new" / "1.p").write_bytes(b"Subject: project\n\nproject\n")
    with imaplib.IMAP4("127.0.0.1", house.imap) as client:
        client.login(account, PASSWORD)
        client.select("INBOX")
        client.store("3", "+FLAGS", "(\\Flagged)")
        client.store("4", "+FLAGS", "(\\Deleted)")
        client.expunge()
    sync()
    sync()
    here = maildir(inbox)
    there: dict[bytes, str] = {}
    with imaplib.IMAP4("127.0.0.1", house.imap) as client:
        client.login(account, PASSWORD)
        client.select("INBOX", readonly=True)
        for number in client.search(None, "ALL")[1][0].split():
            data = client.fetch(number.decode(), "(FLAGS BODY.PEEK[])")[1]
            assert isinstance(data[0], tuple)
            flags = imaplib.ParseFlags(data[0][0]) + imaplib.ParseFlags(data[1] if len(data) > 1 else b"")
            letters = "".join(
                sorted(
                    {"\\Seen": "S", "\\Flagged": "F", "\\Answered": "R", "\\Draft": "D"}.get(f.decode(), "")
                    for f in set(flags)
                )
            )
            there[body_of(data[0][1]).replace(b"\r\n", b"\n")] = letters
        assert client.select("Projects", readonly=True)[1] == [b"1"]
    assert {body: "".join(sorted(flags)) for body, flags in here.items()} == there
    assert len(here) == 9
    assert here[bodies[0]] == "S"
    before = sorted(path.name for path in (inbox / "cur").iterdir())
    sync()
    assert sorted(path.name for path in (inbox / "cur").iterdir()) == before


@pytest.mark.needs("neomutt")
@pytest.mark.needs("tmux")
def test_neomutt_reads_in_a_terminal(house: RunningServer, account: str, tmp_path: Path) -> None:
    """neomutt, driven by keys in a terminal, lists the mailbox, opens a message and deletes it."""
    with smtplib.SMTP("127.0.0.1", house.smtp) as client:
        client.sendmail("a@example.org", [account], with_subject("neomutt-one"))
        client.sendmail("a@example.org", [account], with_subject("neomutt-two"))
    rc = tmp_path / "neomuttrc"
    rc.write_text(
        f'set folder = "imaps://127.0.0.1:{house.imaps}/"\nset spoolfile = "+INBOX"\n'
        f'set imap_user = "{account}"\nset imap_pass = "{PASSWORD}"\nset ssl_verify_host = no\n'
        "set ssl_verify_dates = no\n"
        f'set certificate_file = "{tmp_path}/certificates"\nset ssl_force_tls = yes\n'
        f'set header_cache = ""\nset delete = yes\nset wait_key = no\nset quit = yes\nset sort = date\n'
        f'set tmpdir = "{tmp_path}"\nset history_file = ""\nset move = no\nset beep = no\n'
    )
    socket = f"posthouse-{account[:20]}"
    tmux = ("tmux", "-L", socket)

    def screen() -> str:
        return run(*tmux, "capture-pane", "-p", "-t", "m").decode()

    def wait(word: str) -> str:
        until = time.monotonic() + 15
        while word not in (shown := screen()):
            if "(o)nce" in shown:
                run(*tmux, "send-keys", "-t", "m", "o")
            assert time.monotonic() < until, shown
            time.sleep(0.2)
        return shown

    home = tmp_path / "home"
    home.mkdir()
    command = f"env HOME={home} TERM=screen LANG=C.UTF-8 neomutt -n -F {rc}"
    run(*tmux, "-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "40", "-s", "m", command)
    try:
        assert "neomutt-two" in wait("neomutt-one")
        run(*tmux, "send-keys", "-t", "m", "Enter")
        wait("dot")
        run(*tmux, "send-keys", "-t", "m", "d")
        time.sleep(0.5)
        run(*tmux, "send-keys", "-t", "m", "q")
        time.sleep(0.3)
        run(*tmux, "send-keys", "-t", "m", "$")
        until = time.monotonic() + 15
        while count_messages(house, account) != 1:
            assert time.monotonic() < until, screen()
            time.sleep(0.3)
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)


def count_messages(house: RunningServer, account: str) -> int:
    """Messages in the INBOX."""
    with imaplib.IMAP4("127.0.0.1", house.imap) as client:
        client.login(account, PASSWORD)
        return int(client.select("INBOX", readonly=True)[1][0] or b"0")


def test_imapclient_uses_the_extensions(house: RunningServer, account: str) -> None:
    """IMAPClient (Python) appends, searches, idles, moves and reads over TLS."""
    imapclient = pytest.importorskip("imapclient")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with imapclient.IMAPClient("127.0.0.1", port=house.imaps, ssl=True, ssl_context=context) as client:
        client.login(account, PASSWORD)
        client.append("INBOX", with_subject("imapclient"), flags=[b"\\Seen"])
        client.select_folder("INBOX")
        [uid] = client.search(["SUBJECT", "imapclient"])
        assert client.fetch([uid], ["BODY.PEEK[]"])[uid][b"BODY[]"] == with_subject("imapclient")
        client.idle()
        with smtplib.SMTP("127.0.0.1", house.smtp) as sender:
            sender.sendmail("a@example.org", [account], with_subject("while-idle"))
        assert any(b"EXISTS" in answer for answer in client.idle_check(timeout=10))
        client.idle_done()
        assert b"MOVE" in client.capabilities()
        client.move([uid], "Archive")
        client.select_folder("Archive", readonly=True)
        assert len(client.search()) == 1
        assert client.find_special_folder(imapclient.imapclient.SENT) == "Sent"


@pytest.mark.needs("node")
def test_imapflow_and_nodemailer(house: RunningServer, account: str, tmp_path: Path) -> None:
    """The clients of the JavaScript world: nodemailer submits, imapflow reads it with its extensions on."""
    if shutil.which("npm") is None:
        pytest.skip("needs npm: not installed")
    script = Path(__file__).with_name("javascript_clients.cjs")
    install = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--silent", "imapflow@1", "nodemailer@7"],
        cwd=tmp_path,
        capture_output=True,
        timeout=110,
        check=False,
    )
    if install.returncode != 0:
        pytest.skip("needs imapflow and nodemailer from the npm registry: not installed")
    shutil.copy(script, tmp_path / "clients.cjs")
    out = run(
        *("node", "clients.cjs", str(house.submissions), str(house.imaps), account, PASSWORD), cwd=tmp_path
    )
    assert out.strip().endswith(b"all well"), out
