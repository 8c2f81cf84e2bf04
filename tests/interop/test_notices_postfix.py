"""Our delivery notices beside those of Postfix: for the same refusal the same fields, and we read what it writes."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest
from notice_parts import desk, groups, parsed, queued, told_of

from ports import free_port
from posthouse.deliver.dsn.read import read_bounce
from posthouse.deliver.results import Said

pytestmark = [pytest.mark.needs("postfix"), pytest.mark.timeout(120)]

ANSWER = "550 5.1.1 <nobody@there.test>: Recipient address rejected: User unknown"
MESSAGE = b"From: anna@here.test\r\nMessage-ID: <one@here.test>\r\nSubject: hello\r\n\r\nHello.\r\n"


class Sink:
    """A server that refuses nobody@there.test and keeps what else it is given."""

    def __init__(self) -> None:
        self.kept: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 there.test ESMTP\r\n")
        while line := await reader.readline():
            verb = line.upper()
            if verb.startswith(b"EHLO"):
                writer.write(b"250-there.test\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n")
            elif verb.startswith(b"RCPT") and b"nobody@" in line:
                writer.write(ANSWER.encode() + b"\r\n")
            elif verb.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                data = await reader.readuntil(b"\r\n.\r\n")
                self.kept.put_nowait(data[:-3].replace(b"\r\n..", b"\r\n."))
                writer.write(b"250 2.0.0 kept\r\n")
            else:
                writer.write(b"250 2.0.0 ok\r\n")
            if verb.startswith(b"QUIT"):
                break
        writer.close()


@pytest.fixture
def postfix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """A Postfix of its own that sends everything to one port: its own port, and that one."""
    if os.geteuid() != 0:
        pytest.skip("Postfix starts as root only")
    folder = Path("/tmp") / f"posthouse-postfix-{os.getpid()}"  # Postfix's own users must get in
    port, sink = free_port(), free_port()
    conf, spool, data = folder / "conf", folder / "spool", folder / "data"
    for each in (conf, spool, data):
        each.mkdir(parents=True)
        each.chmod(0o755)
    folder.chmod(0o755)
    shutil.chown(data, "postfix")
    (conf / "main.cf").write_text(
        f"""compatibility_level = 3.6
queue_directory = {spool}
data_directory = {data}
myhostname = mail.example.org
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{sink}
maillog_file = /var/log/posthouse-postfix-{os.getpid()}.log
"""
    )
    master = Path("/etc/postfix/master.cf.proto").read_text()
    master = "\n".join(
        line.replace("smtp ", f"127.0.0.1:{port} ", 1) if line.startswith("smtp      inet") else line
        for line in master.splitlines()
    )
    lines = [line for line in master.splitlines() if not line.startswith("#")]
    (conf / "master.cf").write_text(
        "\n".join(line[:37].replace(" y ", " n ") + line[37:] for line in lines) + "\n"
    )
    process = subprocess.Popen(
        ["postfix", "-c", str(conf), "start-fg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield port, sink
    finally:
        subprocess.run(["postfix", "-c", str(conf), "stop"], capture_output=True, check=False)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)
        Path(f"/var/log/posthouse-postfix-{os.getpid()}.log").unlink(missing_ok=True)


async def hand_over(port: int) -> None:
    """Send the message to Postfix, once it listens."""
    for attempt in range(200):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except OSError:
            assert attempt < 199, "Postfix does not start"
            await asyncio.sleep(0.1)
    for line in (
        b"",
        b"EHLO here.test\r\n",
        b"MAIL FROM:<anna@here.test> RET=HDRS ENVID=QQ314\r\n",
        b"RCPT TO:<nobody@there.test> ORCPT=rfc822;No+2BBody@there.test\r\n",
        b"DATA\r\n",
        MESSAGE + b".\r\n",
    ):
        writer.write(line)
        while (answer := await reader.readline())[3:4] == b"-":
            pass
        assert answer[:1] in b"23", answer
    writer.close()


async def test_the_same_refusal_told_by_both(postfix: tuple[int, int]) -> None:
    port, sink_port = postfix
    sink = Sink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", sink_port)
    async with server:
        await hand_over(port)
        bounce = await asyncio.wait_for(sink.kept.get(), 60)
    (read,) = read_bounce(bounce)
    assert (read.recipient, read.final) == ("No+Body@there.test", "nobody@there.test")
    assert (read.action, read.status, read.cause) == ("failed", "5.1.1", "no-mailbox")
    assert (read.envid, read.message_id) == ("QQ314", "<one@here.test>")

    message = queued(sender="anna@here.test", envid="QQ314", ret="HDRS")
    words = ANSWER.split(" ", 2)[2]
    said = Said(550, "5.1.1", words, "127.0.0.1", "127.0.0.1", "RCPT")
    told = told_of(message, said=said, recipient="nobody@there.test", orcpt="rfc822;No+2BBody@there.test")
    notice = await desk().compose(message, [told], MESSAGE)
    assert notice is not None
    ours = parsed(notice.content)
    theirs = BytesParser(policy=policy.default).parsebytes(bounce)
    assert isinstance(theirs, EmailMessage)
    assert theirs.get_content_type() == ours.get_content_type()
    assert theirs.get_param("report-type") == ours.get_param("report-type")
    types = [[part.get_content_type() for part in each.iter_parts()] for each in (theirs, ours)]
    assert types[0] == types[1]
    (their_message, their_recipient), (our_message, our_recipient) = groups(theirs), groups(ours)
    for name in ("Reporting-MTA", "Original-Envelope-Id"):
        assert tight(their_message[name]) == tight(our_message[name])
    assert {name for name in their_message if not name.startswith("X-")} <= set(our_message)
    for name in ("Final-Recipient", "Original-Recipient", "Action", "Status"):
        assert tight(their_recipient[name]) == tight(our_recipient[name]), name
    assert tight(their_recipient["Diagnostic-Code"]) == tight(our_recipient["Diagnostic-Code"])
    assert {name for name in their_recipient if not name.startswith("X-")} <= set(our_recipient)


def tight(value: str) -> str:
    """A value without the blanks that mean nothing."""
    return " ".join(value.replace("; ", ";").split())
