"""posthouse.toml and the environment: strict, with the path of what is wrong and a mend."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from posthouse.settings.config_error import ConfigError
from posthouse.settings.config_listeners import STANDARD_LISTENERS
from posthouse.settings.load import load_config


def write(folder: Path, text: str) -> Path:
    path = folder / "posthouse.toml"
    path.write_text(text)
    return path


def refused(folder: Path, text: str, environ: dict[str, str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config(write(folder, text), None, environ or {})
    return caught.value


def test_defaults_without_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing configured: data beside the user, SQLite, one worker, the standard ports."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("posthouse.settings.load.SEARCHED", ("posthouse.toml",))
    config = load_config(None, None, {})
    assert config.data == str(tmp_path / "data")
    assert config.database_url == ""
    assert config.workers == 1
    assert config.listeners == STANDARD_LISTENERS


def test_a_whole_file(tmp_path: Path) -> None:
    """Every key of a file is read; its relative paths count from the file's folder."""
    path = write(
        tmp_path,
        """
        data = "store"
        database_url = "postgresql://mail:secret@db/mail"
        hostname = "mail.example.org"
        workers = "auto"
        control = "run/control.sock"
        log_format = "json"
        [[listener]]
        protocol = "smtp"
        address = "::"
        port = 25
        proxy_from = ["192.0.2.0/24"]
        [[listener]]
        protocol = "lmtp"
        path = "run/lmtp.sock"
        tls = "none"
        [[certificate]]
        hosts = ["mail.example.org"]
        chain = "tls/chain.pem"
        key = "/etc/tls/key.pem"
        """,
    )
    config = load_config(path, None, {})
    assert config.data == str(tmp_path / "store")
    assert config.workers == 0
    assert config.control == str(tmp_path / "run/control.sock")
    assert config.listeners[0].proxy_from == ("192.0.2.0/24",)
    assert config.listeners[1].path == str(tmp_path / "run/lmtp.sock")
    assert config.certificates[0].chain == str(tmp_path / "tls/chain.pem")
    assert config.certificates[0].key == "/etc/tls/key.pem"


def test_precedence(tmp_path: Path) -> None:
    """--data beats the environment, which beats the file."""
    path = write(tmp_path, 'data = "file"\nhostname = "file.example"\n')
    environ = {"POSTHOUSE_DATA": "/from/environment", "POSTHOUSE_HOSTNAME": "env.example"}
    assert load_config(path, None, environ).data == "/from/environment"
    assert load_config(path, None, environ).hostname == "env.example"
    assert load_config(path, "/from/option", environ).data == "/from/option"


def test_the_environment_names_the_file_and_tables(tmp_path: Path) -> None:
    """POSTHOUSE_CONFIG names the file; lists are given as TOML."""
    path = write(tmp_path, "workers = 3\n")
    environ = {
        "POSTHOUSE_CONFIG": str(path),
        "POSTHOUSE_WORKERS": "2",
        "POSTHOUSE_LISTENER": '[{protocol = "imap", port = 1143}]',
    }
    config = load_config(None, None, environ)
    assert config.workers == 2
    assert [(listener.protocol, listener.port) for listener in config.listeners] == [("imap", 1143)]


def test_relative_data_of_the_command_line_counts_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative --data is made absolute from where the user stands."""
    monkeypatch.chdir(tmp_path)
    assert load_config(write(tmp_path, ""), "here", {}).data == os.path.join(tmp_path, "here")


@pytest.mark.parametrize(
    ("text", "key", "mend"),
    [
        ('databse_url = ""', "databse_url", "database_url"),
        ('[[listener]]\nprotocol = "smtp"\nprotcol = 25', "listener[1].protcol", "protocol"),
        (
            '[[listener]]\nprotocol="smtp"\nport=1\n[[certificate]]\nchian="x"',
            "certificate[1].chian",
            "chain",
        ),
        ("[[listener]]\nprotocol = 'gopher'\nport = 70", "listener[1].protocol", "submission"),
        ("[[listener]]\nprotocol = 'smtp'\nport = 70000", "listener[1].port", "65535"),
        ("[[listener]]\nprotocol = 'smtp'", "listener[1].port", "port"),
        ("[[listener]]\nprotocol = 'smtp'\nport = 25\ntls = 'implicit'", "listener[1].tls", "starttls"),
        ("[[listener]]\nprotocol = 'smtp'\nport = 25\naddress = 'mail.example'", "listener[1].address", "IP"),
        (
            "[[listener]]\nprotocol = 'smtp'\nport = 25\nproxy_from = ['x']",
            "listener[1].proxy_from",
            "192.0.2",
        ),
        ("[[listener]]\nprotocol = 'imap'\npath = 'x'", "listener[1].path", "port"),
        ("[[listener]]\nprotocol = 'lmtp'\npath = 'x'\nport = 24", "listener[1].path", "other"),
        ("[[listener]]\nprotocol = 'lmtp'\nport = 24", "listener[1].address", "127.0.0.1"),
        ("[[listener]]\nprotocol = 'lmtp'\nport = 25\naddress = '::1'", "listener[1].port", "another port"),
        (
            "[[listener]]\nprotocol='smtp'\nport=25\n[[listener]]\nprotocol='imap'\nport=25",
            "listener[2]",
            "port",
        ),
        ("listener = 3", "listener", "[[listener]]"),
        ("workers = 1000", "workers", "256"),
        ("workers = 0", "workers", "auto"),
        ('[[listener]]\nprotocol = "smtpp"\nport = 25', "listener[1].protocol", "submission"),
        ('[[listener]]\nprotocol = "smtp"\nport = "25"', "listener[1].port", "without quotes"),
        ('[[listener]]\nprotocol = "smtp"\nport = 25\ntls = "on"', "listener[1].tls", "starttls"),
        ('[[certificate]]\nhosts = [5]\nchain = "a"\nkey = "b"', "certificate[1].hosts", "list of host"),
        ('workers = "many"', "workers", "auto"),
        ("data = 3", "data", "quotes"),
        ('log_level = "loud"', "log_level", "warning"),
        ('hostname = "a b"', "hostname", "mail.example.org"),
        ('database_url = "oracle://x"', "database_url", "postgresql"),
        ('database_url = "somewhere"', "database_url", "postgresql"),
        ("smtp = {max_message_size = 3}", "smtp", "posthouse setting set"),
    ],
)
def test_what_is_wrong_is_named_with_its_path_and_a_mend(
    tmp_path: Path, text: str, key: str, mend: str
) -> None:
    """Unknown keys and impossible values are refused: the file, the key and what to do are told."""
    error = refused(tmp_path, text)
    assert error.where == str(tmp_path / "posthouse.toml")
    assert error.key == key
    assert mend in error.mend


def test_a_file_that_is_not_toml_or_not_there(tmp_path: Path) -> None:
    """The file itself may be the trouble."""
    assert "line 1" in str(refused(tmp_path, "= 3"))
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "absent.toml", None, {})
    (tmp_path / "posthouse.toml").write_bytes(b"data = '\xff'")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(tmp_path / "posthouse.toml", None, {})


def test_errors_of_the_environment_name_the_variable(tmp_path: Path) -> None:
    """A bad value from the environment is not blamed on the file; a misspelt variable is not ignored."""
    error = refused(tmp_path, "workers = 1", {"POSTHOUSE_WORKERS": "lots"})
    assert "POSTHOUSE_WORKERS" in error.where
    error = refused(tmp_path, "", {"POSTHOUSE_DATABSE_URL": "x"})
    assert "POSTHOUSE_DATABASE_URL" in error.mend
    error = refused(tmp_path, "", {"POSTHOUSE_LISTENER": "[[["})
    assert "POSTHOUSE_LISTENER" in error.where


def test_a_password_in_the_database_url_is_not_shown(tmp_path: Path) -> None:
    """Errors about the URL show its scheme only."""
    error = refused(tmp_path, 'database_url = "orcale://mail:topsecret@db/mail"')
    assert "topsecret" not in str(error) + error.mend
