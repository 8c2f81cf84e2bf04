"""The Python client is what the API is now, stands on its own, and its manual leaves no object of hMailServer out."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import posthouse.client
from posthouse.api.openapi import describe
from posthouse.client.generated import Calls

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "manual" / "python-client.md"
NAMES = ROOT / "tests" / "house" / "com_members.txt"


def test_the_calls_are_made_from_the_routes() -> None:
    """src/posthouse/client/generated is what `make docs` writes now."""
    script = ROOT / "tools" / "client_calls.py"
    # In a process of its own: other tests of this one register uses and settings for themselves.
    code = f"import json, runpy; print(json.dumps(runpy.run_path({str(script)!r})['render']()))"
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=110
    )
    wanted = json.loads(made.stdout)
    folder = ROOT / "src" / "posthouse" / "client" / "generated"
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}
    assert found == wanted, "run `make docs`"


def test_every_call_of_the_document_has_a_method() -> None:
    """By its operationId."""
    paths = describe()["paths"].values()
    ids = {operation["operationId"] for operations in paths for operation in operations.values()}
    assert ids == {
        name for name, _ in inspect.getmembers(Calls, inspect.isfunction) if not name.startswith("_")
    }


def test_the_client_stands_on_its_own() -> None:
    """It brings nothing else of Posthouse with it, and no library but httpx2 and msgspec."""
    code = "import sys, posthouse.client; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=60
    )
    loaded = done.stdout.split()
    assert "httpx2" in loaded
    own = [name for name in loaded if name.startswith("posthouse.")]
    assert not [name for name in own if not name.startswith("posthouse.client")]
    heavy = {"starlette", "sqlalchemy", "structlog", "cryptography", "apsw", "click"}
    assert not heavy & {name.partition(".")[0] for name in loaded}


def members() -> set[tuple[str, str]]:
    """Every class of hMailServer's object model with each of its members."""
    found = set()
    for line in NAMES.read_text(encoding="utf-8").splitlines():
        kind, _, names = line.partition(": ")
        found |= {(kind, name) for name in names.split()}
    return found


def rows() -> list[tuple[str, list[str], str, str]]:
    """Class, members, state and explanation of every row of the manual's table."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 4:
            found.append((cells[0].strip("`"), re.findall(r"`(\w+)`", cells[1]), cells[2], cells[3]))
    return found


def test_every_member_has_a_row() -> None:
    """Once each, and nothing that hMailServer does not have."""
    told = [(kind, name) for kind, names, _, _ in rows() for name in names]
    assert len(told) == len(set(told)), "a member has two rows"
    assert set(told) == members()
    assert len(members()) > 800


def test_what_is_here_is_here() -> None:
    """Each attribute that the table promises exists; each other row gives a reason."""
    kinds = classes()
    for kind, names, state, text in rows():
        assert state in ("here", "later", "never"), f"{kind} {names}: {state}"
        assert text, f"{kind} {names} gives no reason"
        for owner, attribute in re.findall(r"`([A-Z]\w+)\.(\w+)", text):
            found = kinds.get(owner)
            assert found is not None, f"{kind} {names}: there is no {owner}"
            written = re.search(rf"self\.{attribute}\b.* = ", inspect.getsource(found))
            assert hasattr(found, attribute) or written, f"{owner} has no {attribute}"
        for call in re.findall(r"`calls\.(\w+)`", text):
            assert hasattr(Calls, call), f"{kind} {names}: there is no call {call}"
        assert state != "here" or re.search(r"`[A-Z]\w+\.\w+`", text)


def classes() -> dict[str, type]:
    """The classes of the object tree by name."""
    found = {}
    for module in pkgutil.iter_modules(posthouse.client.__path__):
        if module.name != "generated":
            loaded = importlib.import_module(f"posthouse.client.{module.name}")
            found.update(
                {
                    name: kind
                    for name, kind in inspect.getmembers(loaded, inspect.isclass)
                    if kind.__module__ == loaded.__name__
                }
            )
    return found


def test_the_examples_can_be_read() -> None:
    """Python blocks of the page compile, and its imports work."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        compile(block, "python-client.md", "exec")
