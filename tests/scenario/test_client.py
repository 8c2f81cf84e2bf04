"""The Python client against a whole server: what scripts of administrators do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from api_people import administrator_token, token_of
from running import PASSWORD, RunningServer

from ports import free_port
from posthouse.client import (
    AdminLevel,
    Application,
    Conflict,
    ConnectionLost,
    ConnectionSecurity,
    Exists,
    Invalid,
    NotFound,
    NotSignedIn,
    Refused,
    SessionType,
    Stream,
)
from posthouse.client.generated import LogBeat, LogLine, Watched

ANNA = "anna@posthouse.test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all stories."""
    server = RunningServer(tmp_path_factory.mktemp("client") / "server")
    server.start()
    try:
        server.add_domain()
        server.add_account(ANNA)
        yield server
    finally:
        server.kill()
    assert "Traceback" not in server.log, server.log[-4000:]


@pytest.fixture(scope="module")
def token(server: RunningServer) -> str:
    """A server administrator's token."""
    return administrator_token(server)


@pytest.fixture
def app(server: RunningServer, token: str) -> Iterator[Application]:
    """Over https, trusting the server's own certificate."""
    certificate = next((server.data / "tls").glob("*.pem"))
    with Application(f"https://127.0.0.1:{server.https}", token, verify=certificate) as app:
        yield app


def test_the_classic_script(app: Application) -> None:
    """A domain, its accounts, aliases, new passwords, a list of sizes, and all of it away again."""
    domain = app.domains.add()
    domain.name = "classic.test"
    domain.save()
    assert "classic.test" in app.domains.names
    rows = "".join(f"user{number:02}@classic.test,{PASSWORD}\n" for number in range(9))
    assert len(app.utilities.import_accounts(rows)) == 9
    accounts = domain.accounts
    assert accounts.count == 9
    for number in range(9, 12):
        account = accounts.add()
        account.address = f"user{number:02}"
        account.password = PASSWORD
        account.max_size = 100
        account.active = number != 11
        account.save()
        assert account.saved
    assert len(accounts) == 12
    assert [each.address for each in accounts] == [f"user{number:02}@classic.test" for number in range(12)]
    assert accounts[-1].address == accounts.item[11].address == "user11@classic.test"
    assert not accounts[11].active
    assert accounts[10].quota == 100 << 20

    alias = domain.aliases.add()
    alias.name, alias.value = "office@classic.test", "user00@classic.test"
    alias.save()
    assert domain.aliases.item_by_name["office@classic.test"].value == "user00@classic.test"

    account = domain.accounts.item_by_address["user09@classic.test"]
    account.password = "another correct horse"
    account.max_size = 0
    account.save()
    again = app.links.account("user09@classic.test")
    assert (again.admin_level, again.admin_domains, again.quota) == (AdminLevel.USER, [], 0)
    assert sum(each.size for each in domain.accounts) == 0

    with pytest.raises(Refused, match="12 accounts"):
        domain.delete()
    domain.delete(contents=True)
    assert "classic.test" not in app.domains.item_by_name


def test_routes_by_hmailservers_names(app: Application) -> None:
    """Added, changed, with its addresses, found by name and number, and away again; the password goes one way."""
    routes = app.settings.routes
    route = routes.add()
    route.domain_name, route.target_smtp_host, route.target_smtp_port = "Old.test", "mx.old.test", 587
    route.number_of_tries, route.minutes_between_try, route.all_addresses = 4, 60, False
    route.connection_security = ConnectionSecurity.STARTTLS_REQUIRED
    route.relayer_auth_username = "we"
    route.set_relayer_auth_password("given-and-kept-4711")
    route.treat_recipient_as_local_domain = True
    route.description = "the old server"
    route.save()
    assert route.saved
    found = routes.item_by_name["old.test"]
    assert (found.id, found.connection_security) == (route.id, ConnectionSecurity.STARTTLS_REQUIRED)
    assert (found.relayer_requires_auth, found.number_of_tries, found.minutes_between_try) == (True, 4, 60)
    assert "given-and-kept" not in repr(app.calls.route_list())
    address = found.addresses.add()
    address.address = "anna@old.test"
    address.save()
    address.address = "bert@old.test"
    address.save()
    assert [each.address for each in found.addresses] == ["bert@old.test"]
    found.addresses.delete_by_address("bert@old.test")
    assert found.addresses.count == 0
    route.description = "changed"
    route.save()
    found.description = "too late"
    with pytest.raises(Conflict):
        found.save()
    found.refresh()
    found.relayer_requires_auth = False
    found.save()
    assert app.calls.route_show(route.id).value.secrets == []
    routes.delete_by_db_id(route.id)
    assert "old.test" not in routes.item_by_name


def test_two_scripts_do_not_overwrite_one_another(app: Application) -> None:
    """Whoever comes second is told, with both versions; refresh and repeat."""
    mine = app.links.account[ANNA]
    listed = next(each for each in app.domains.item_by_name[ANNA.partition("@")[2]].accounts.search("anna"))
    theirs = app.links.account[ANNA]
    theirs.quota = 5 << 20
    theirs.save()
    for late in (mine, listed):  # with an ETag, and from a list, which has none
        late.quota = 7 << 20
        with pytest.raises(Conflict) as caught:
            late.save()
        assert getattr(caught.value.seen, "quota", None) == 0
        assert getattr(caught.value.current, "quota", None) == 5 << 20
        assert caught.value.wanted == {"quota": 7 << 20}
    assert app.links.account[ANNA].quota == 5 << 20
    mine.refresh()
    mine.quota = 0
    mine.save()
    assert app.links.account[ANNA].quota == 0


def test_settings_by_both_names(app: Application) -> None:
    """Ours and hMailServer's, at once and with a version."""
    settings = app.settings
    assert settings.host_name == "mail.posthouse.test" or settings.host_name == ""
    settings.max_message_size = 1024
    assert settings["smtp.max_message_size"] == 1 << 20
    one = settings.item_by_name["smtp.max_message_size"]
    settings["smtp.max_message_size"] = 2 << 20
    one.value = 3 << 20
    with pytest.raises(Conflict):
        one.save()
    one.refresh()
    one.reset()
    assert settings.max_message_size == 50 * 1024
    settings.logging.log_imap = True
    assert settings["log.imap"] is True
    settings.logging.log_imap = False
    with pytest.raises(Invalid, match="size"):
        settings["smtp.max_message_size"] = "many"
    with pytest.raises(NotFound):
        settings["smtp.no_such_thing"]
    assert "smtp.max_message_size" in settings
    assert "smtp.no_such_thing" not in settings


def test_the_rest_of_the_tree(app: Application, server: RunningServer) -> None:
    """Status, listeners, certificates, queue, diagnostics, logs, verification: each answers with what is there."""
    me = app.connect()
    assert me.role == "server"
    status = app.status
    assert app.version == status.facts.version
    assert status.undelivered_messages == 0
    assert status.session_count[SessionType.IMAP] == 0
    ports = app.settings.tcp_ip_ports
    assert len(ports) == 10
    assert {port.connection_security for port in ports if port.protocol == "imap"} == {
        ConnectionSecurity.STARTTLS_OPTIONAL,
        ConnectionSecurity.TLS,
    }
    assert app.settings.ssl_certificates[0].about.hosts
    queue = app.global_objects.delivery_queue
    assert (queue.count, list(queue.items)) == (0, [])
    with pytest.raises(NotFound):
        queue.reset_delivery_time(1)
    assert app.utilities.verify().wait().error_count == 0
    logging = app.settings.logging
    logging.log_tcpip = True
    with logging.watch(level="debug", seconds=20) as watch:
        line = next_line(watch, server.imap)
    assert line.event
    logging.log_tcpip = False
    assert line in logging.live_log
    with pytest.raises(ValueError, match="no result"):
        print(watch.result)


def next_line(watch: Stream[LogLine | LogBeat, Watched], port: int) -> LogLine:
    """The line of a connection to this port. Until the setting has reached the listeners, others are tried."""
    seen = threading.Event()

    def connect() -> None:
        while not seen.wait(0.1):
            socket.create_connection(("127.0.0.1", port), timeout=10).close()

    thread = threading.Thread(target=connect)
    thread.start()
    try:
        lines = (each for each in watch if isinstance(each, LogLine))
        return next(each for each in lines if each.fields.get("protocol") == "imap")
    finally:
        seen.set()
        thread.join()


def test_listeners_and_certificates_change(app: Application, tmp_path: Path) -> None:
    """On probation: a listener comes and goes, a certificate of one's own is taken and removed."""
    ports = app.settings.tcp_ip_ports
    port = ports.add()
    port.protocol, port.address, port.port_number = "POP3", "127.0.0.1", free_port()
    port.save()
    assert port.probation
    assert (len(ports), port.state) == (11, "open")
    same = ports.item_by_name[port.name]
    same.connection_security = ConnectionSecurity.TLS
    same.save()
    assert ports.item_by_name[port.name].connection_security == ConnectionSecurity.TLS
    same.delete()
    assert port.name not in ports.item_by_name

    leaf = trustme.CA().issue_cert("imap.posthouse.test")
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    leaf.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate = app.settings.ssl_certificates.add()
    certificate.certificate_file, certificate.private_key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.save()
    assert certificate.about.hosts == ["imap.posthouse.test"]
    certificate.delete()


def test_a_message_goes_out(app: Application, server: RunningServer, tmp_path: Path) -> None:
    """Built as in hMailServer, with an attachment; read again as bytes; a refused recipient is told."""
    report = tmp_path / "report.txt"
    report.write_text("forty-two\n")
    with Application(f"http://127.0.0.1:{server.http}", token_of(server, ANNA, "send", "view")) as own:
        message = own.message()
        message.from_name = 'Anna "die Große" <x>'
        message.subject = "Grüße"
        message.body = "Hallo"
        message.html_body = "<p>Hallo</p>"
        message.add_recipient("Anna, selbst", ANNA)
        message.add_recipient("", "nobody@posthouse.test")
        message.attachments.add(report)
        message.save()
        assert message.sent is not None
        assert [each.address for each in message.refused] == ["nobody@posthouse.test"]
        with pytest.raises(ValueError, match="sent"):
            message.save()
        with pytest.raises(Refused):
            len(own.domains)
    with app.calls.message_raw(f"{ANNA}/INBOX/1") as raw:
        content = raw.read()
    assert b'filename="report.txt"' in content
    assert b"nobody@posthouse.test" in content
    assert app.calls.message_trace(message.sent.trace).traces[0].steps


def test_what_is_wrong_is_said(app: Application, server: RunningServer) -> None:
    """Each kind of refusal is its own exception, and names the field."""
    account = app.links.domain["posthouse.test"].accounts.add()
    account.address, account.password = "bert and carl@posthouse.test", PASSWORD
    with pytest.raises(Invalid) as invalid:
        account.save()
    assert invalid.value.field == "address"
    assert not account.saved
    account.address = ANNA
    with pytest.raises(Exists) as exists:
        account.save()
    assert exists.value.field == "address"
    with pytest.raises(NotFound):
        app.domains.item_by_name["nowhere.test"]
    assert app.domains.item_by_name.get("nowhere.test") is None
    with pytest.raises(ValueError, match="cannot be changed"):
        app.links.account[ANNA].address = "new@posthouse.test"
    with Application(f"http://127.0.0.1:{server.http}", "ph_wrong") as stranger, pytest.raises(NotSignedIn):
        stranger.connect()
    with pytest.raises(ConnectionLost), Application(f"https://127.0.0.1:{server.https}", "ph_x") as doubting:
        doubting.connect()  # nobody vouches for the certificate


def test_a_backup_and_back(app: Application, tmp_path: Path) -> None:
    """Made, listed, and restored as a dry run."""
    app.calls.backup_init(place=str(tmp_path / "backups"), protection="none")
    made = app.backup_manager.start_backup()
    assert [each.id for each in app.backup_manager.backups] == [made.id]
    backup = app.backup_manager.load_backup(made.id)
    assert backup.contains_domains
    told = backup.start_restore(account=ANNA, dry_run=True).wait()
    assert told.dry_run
