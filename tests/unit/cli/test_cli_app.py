"""How a command line ends: exit codes, errors as two lines or as JSON, passwords, no tracebacks."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from posthouse.cli import app, passwords, session
from posthouse.cli.errors import CommandError

Run = Callable[..., tuple[int, str, str]]


class Server:
    """Stands in for the control socket: notes calls, gives answers."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answer: Any = {}
        self.pieces: list[Any] = []

    def connect(self, data: str, control: str) -> Server:
        return self

    def call(self, use: str, parameters: dict[str, Any], emitted: Callable[[Any], None]) -> Any:
        self.calls.append((use, parameters))
        for piece in self.pieces:
            emitted(piece)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def close(self) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Server:
    monkeypatch.chdir(tmp_path)
    made = Server()
    monkeypatch.setattr(session, "ControlClient", made.connect)
    return made


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = app.main(lambda config, ready: 0, arguments)
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_a_result_in_words_and_as_json(server: Server, run: Run) -> None:
    """Every command prints for people, or with --json what the use returned."""
    server.answer = {"name": "example.org"}
    assert run("domain", "add", "example.org") == (0, "Added domain example.org.\n", "")
    code, out, _ = run("domain", "add", "example.org", "--json")
    assert (code, json.loads(out)) == (0, {"name": "example.org"})
    assert server.calls == [("domain.add", {"name": "example.org", "template": ""})] * 2


def test_an_error_is_two_lines(server: Server, run: Run) -> None:
    """What is wrong, what to do; on standard error, with the exit code of its kind."""
    server.answer = CommandError("missing", "Domain x is not ours.", "List domains.")
    assert run("domain", "remove", "x") == (3, "", "posthouse: Domain x is not ours.\n  List domains.\n")


def test_an_error_as_json(server: Server, run: Run) -> None:
    """With --json errors are JSON too, with all problems."""
    server.answer = CommandError("invalid", "Bad.", "Mend.", ("line 1: x",))
    code, out, err = run("domain", "add", "x", "--json")
    assert (code, out) == (2, "")
    assert json.loads(err)["error"] == {
        "kind": "invalid",
        "what": "Bad.",
        "mend": "Mend.",
        "problems": ["line 1: x"],
    }


def test_problems_come_before_the_summary(server: Server, run: Run) -> None:
    """Every problem on its own line."""
    server.answer = CommandError("invalid", "Two.", "Mend.", ("line 1: x", "line 2: \x1b"))
    assert run("domain", "add", "x")[2] == "line 1: x\nline 2: \\x1b\nposthouse: Two.\n  Mend.\n"


def test_usage_errors(server: Server, run: Run) -> None:
    """A command that is wrong as written ends with 2 and says where help is."""
    code, _, err = run("domain", "add")
    assert code == 2
    assert (
        err == "posthouse: Missing argument 'NAME'.\n  See `posthouse domain add --help`.\n"
        or "--help" in err
    )
    assert run("domian")[0] == 2


def test_a_bad_configuration_is_named(server: Server, run: Run, tmp_path: Any) -> None:
    """The file, the key and the mend, before anything is done."""
    (tmp_path / "posthouse.toml").write_text("dta = 'x'\n")
    code, _, err = run("status")
    assert code == 2
    assert err == "posthouse: posthouse.toml: dta: unknown key.\n  Did you mean 'data'?\n"
    assert server.calls == []


def test_ctrl_c(server: Server, run: Run) -> None:
    """Ctrl-C ends quietly with 130."""
    server.answer = KeyboardInterrupt()
    assert run("domain", "list") == (130, "", "\nStopped.\n")


def test_password_from_standard_input(server: Server, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, without its end; blanks belong to it."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(" pass word \r\nrest\n"))
    server.answer = {"address": "anna@example.org"}
    code, out, _ = run("account", "add", "anna@example.org", "--password-stdin", "--quota", "1G")
    assert (code, out) == (0, "Added account anna@example.org.\n")
    assert server.calls[0][1] == {"address": "anna@example.org", "password": " pass word ", "quota": "1G"}


def test_without_a_terminal_there_is_no_prompt(
    server: Server, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script is told how to give a password instead of hanging; removing needs --yes."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    code, _, err = run("account", "add", "anna@example.org")
    assert code == 2
    assert "--password-stdin" in err
    code, _, err = run("account", "remove", "anna@example.org")
    assert code == 2
    assert "--yes" in err
    assert server.calls == []


def test_generated_passwords(server: Server, run: Run) -> None:
    """--generate prints the password that was sent; each is new."""
    server.answer = {"address": "anna@example.org"}
    _, out, _ = run("account", "password", "anna@example.org", "--generate")
    sent = server.calls[0][1]["password"]
    assert f"Password: {sent}\n" in out
    _, out, _ = run("account", "password", "anna@example.org", "--generate", "--json")
    assert json.loads(out)["password"] == server.calls[1][1]["password"] != sent
    assert len({passwords.generate() for _ in range(50)}) == 50


def test_two_ways_to_a_password_exclude_one_another(server: Server, run: Run) -> None:
    """Rather than one winning silently."""
    assert run("account", "add", "a@example.org", "--generate", "--password-stdin")[0] == 2


def test_raw_messages_go_out_byte_by_byte(server: Server, capfdbinary: Any) -> None:
    """`message raw` writes exactly the message's bytes."""
    server.pieces = [{"type": "piece", "data": "AP8NCg=="}, {"type": "piece", "data": "eA=="}]
    assert app.main(lambda config, ready: 0, ["message", "raw", "a@example.org/INBOX/1"]) == 0
    assert capfdbinary.readouterr().out == b"\x00\xff\r\nx"


def test_findings_of_verify_end_with_6(server: Server, run: Run) -> None:
    """A script sees from the exit code that something is wrong."""
    server.answer = {
        "errors": ["body abc: its file is missing"],
        "error_count": 3,
        "warnings": [],
        "warning_count": 0,
        **dict.fromkeys(("bodies", "files", "messages", "mailboxes", "deleted", "queued"), 1),
    }
    code, out, err = run("verify")
    assert code == 6
    assert out.startswith("error: body abc: its file is missing\n... and 2 more.\n")
    assert "3 errors" in err


def test_options_stand_anywhere_in_a_command(server: Server, run: Run, tmp_path: Any) -> None:
    """--data names the folder whose server is asked."""
    places: list[str] = []
    server.answer = {"domains": []}
    original = server.connect
    server.connect = lambda data, control: (places.append(data), original(data, control))[1]  # type: ignore[method-assign]
    session.ControlClient = server.connect  # type: ignore[assignment,misc]
    assert run("domain", "list", "--data", str(tmp_path / "x"))[0] == 0
    assert places == [str(tmp_path / "x")]


def test_serve_hands_over_the_configuration(server: Server, tmp_path: Any) -> None:
    """`serve` calls the runner it was given; its exit code is ours."""
    seen: list[Any] = []

    def runner(config: Any, ready: Any) -> int:
        seen.append(config)
        return 7

    assert app.main(runner, ["serve", "--data", str(tmp_path / "d")]) == 7
    assert seen[0].data == str(tmp_path / "d")


def test_a_bare_group_shows_its_help(run: Run) -> None:
    """``posthouse`` and ``posthouse domain`` print their help as help, with the exit code of misuse."""
    for words in ((), ("domain",)):
        code, out, err = run(*words)
        assert (code, out) == (2, "")
        assert err.startswith("Usage: posthouse")
        assert "\nCommands:\n" in err


def test_bytes_that_are_not_utf8_are_refused_by_name(
    server: Server, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password or name in another encoding is refused before it is sent anywhere."""
    assert run("domain", "add", "b\udcfccher.example")[0] == 2
    monkeypatch.setattr(sys, "stdin", io.StringIO("p\udcff\n"))
    code, _, err = run("account", "add", "anna@example.org", "--password-stdin")
    assert code == 2
    assert err == "posthouse: The password holds bytes that are not UTF-8.\n  Write it in UTF-8.\n"
    assert server.calls == []


def test_a_secret_is_read_from_standard_input(
    server: Server, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no list of processes shows it."""
    monkeypatch.setattr("sys.stdin", io.StringIO("s3cret value\n"))
    server.answer = {
        "name": "backup.s3_secret_key",
        "value": "(set)",
        "before": "(not set)",
        "effect": "live",
    }
    code, out, _ = run("setting", "set", "backup.s3_secret_key", "-")
    assert code == 0
    assert "s3cret" not in out
    assert server.calls == [("setting.set", {"name": "backup.s3_secret_key", "value": "s3cret value"})]
