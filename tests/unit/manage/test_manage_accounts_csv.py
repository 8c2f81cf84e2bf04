"""The CSV file of an import: what is understood, and every problem with its line."""

from __future__ import annotations

import pytest

from posthouse.manage.accounts_csv import MAX_PROBLEMS, read_accounts


def accounts(text: str) -> list[tuple[int, str, str, int]]:
    lines, problems = read_accounts(text)
    assert problems == []
    return [(line.number, line.address, line.password, line.quota) for line in lines]


def problems(text: str) -> list[str]:
    return read_accounts(text)[1]


def test_columns_by_place() -> None:
    """Without a header: address, password, quota."""
    assert accounts("Anna@Example.org,secret,2G\nbert@example.org,word\n") == [
        (1, "anna@example.org", "secret", 2 << 30),
        (2, "bert@example.org", "word", None),
    ]


def test_columns_by_name_in_any_order() -> None:
    """A header names them; `none` means no quota, empty what new accounts get; blank lines do not count."""
    text = "quota,Address,PASSWORD\r\nnone,anna@example.org,a\r\n\r\n,bert@example.org,b\r\n"
    assert accounts(text) == [(2, "anna@example.org", "a", 0), (4, "bert@example.org", "b", None)]


def test_quoted_passwords() -> None:
    """Commas, quotes and blanks in a password are kept."""
    assert accounts('anna@example.org,"a, ""b"" "\n') == [(1, "anna@example.org", 'a, "b" ', None)]


def test_line_numbers_count_lines_of_the_file() -> None:
    """A quoted line break does not shift the numbers of what follows."""
    text = 'anna@example.org,"a\nb"\nbert,x\n'
    assert problems(text)[0].startswith("line 1: ")
    assert problems(text)[1].startswith("line 3: ")


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("anna,secret", "address"),
        ("anna@example.org,", "no password"),
        ("anna@example.org", "no password"),
        ("anna@example.org,secret,lots", "size"),
        ("anna@example.org,a,b,c", "quote"),
        ('"a b"@example.org,secret', ""),
        ("anna@example.org,a\tb", "control"),
        ('anna@example.org,"open', "not read"),
    ],
)
def test_bad_lines(line: str, word: str) -> None:
    """Each problem names its line and what is wrong."""
    found = problems("bert@example.org,fine\n" + line + "\n")
    assert len(found) == 1
    assert found[0].startswith("line 2: ")
    assert word in found[0]


def test_accounts_without_a_password() -> None:
    """Only where the kind says so: an empty cell alone may be a mistake."""
    head = "address,password,kind\n"
    lines, found = read_accounts(head + "anna@example.org,,none\n")
    assert (found, lines[0].password, lines[0].foreign) == ([], "", None)
    assert "kind none" in problems(head + "anna@example.org,secret,none\n")[0]
    assert "no kind of hash" in problems(head + "anna@example.org,,nothing\n")[0]


def test_an_address_twice() -> None:
    """Also in another case it is the same account."""
    assert problems("anna@example.org,a\nANNA@EXAMPLE.ORG,b\n") == [
        "line 2: anna@example.org stands in line 1 already"
    ]


def test_passwords_are_not_repeated_in_problems() -> None:
    """A problem may be seen by more people than the file."""
    assert "hunter2" not in " ".join(problems("nobody,hunter2\nanna@example.org,hunter2,lots\n"))


def test_unknown_columns_are_not_ignored() -> None:
    """A column that has no meaning here is a misunderstanding."""
    assert "'name'" in problems("address,password,name\na@example.org,x,Anna\n")[0]


def test_a_file_that_is_something_else() -> None:
    """The wrong file is given up on, not reported line by line without end."""
    found = problems("no address\n" * 10_000)
    assert len(found) == MAX_PROBLEMS + 1


def test_hashes_of_another_server_stand_in_place_of_passwords() -> None:
    """By their own columns, named in the header; not together with a password, and only those that are known."""
    lines, problems = read_accounts(
        "address,password,password_hash,kind\n"
        "a@x.example,,5ebe2294ecd0e0f08eab7690d2a6ee69,md5\n"
        "b@x.example,a good one,,\n"
        "c@x.example,both,5ebe2294ecd0e0f08eab7690d2a6ee69,md5\n"
        "d@x.example,,5ebe,md5\n"
    )
    assert [(line.address, line.foreign is not None) for line in lines] == [
        ("a@x.example", True),
        ("b@x.example", False),
    ]
    assert [problem.partition(":")[0] for problem in problems] == ["line 4", "line 5"]
    assert "5ebe" not in " ".join(problems)
