"""Writes src/posthouse/client/generated/ from the routes of the API: ``make docs``. A house test compares the two.

Each topic of the API becomes a file with the Structs that its calls answer with and a class with one method per call.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from posthouse.api import prose
from posthouse.api.route import Route
from posthouse.api.table import every_route, fields_beside, names_in
from posthouse.manage.use import Progress, Use, uses

FOLDER = Path(__file__).parent.parent / "src" / "posthouse" / "client" / "generated"

SHARED = "shared"
NOTE = "Made from the routes of the API by `make docs`; do not edit."


def render() -> dict[str, str]:
    """The files as they should be, by name."""
    topics: dict[str, list[Route]] = {}
    for route in every_route():
        topics.setdefault(module_of(route.tag), []).append(route)
    homes = _homes(topics)
    files = {f"{topic}.py": _topic(topic, routes, homes) for topic, routes in topics.items()}
    files[f"{SHARED}.py"] = _shared(homes)
    files["__init__.py"] = _init(topics, homes)
    return _formatted(files)


def module_of(tag: str) -> str:
    """``set_up`` of ``Set-up``."""
    return re.sub(r"\W", "_", tag.lower())


def class_of(topic: str) -> str:
    """``SetUpCalls`` of ``set_up``."""
    return topic.title().replace("_", "") + "Calls"


# --- which Struct is in which file ---------------------------------------------------------------------------------


def _homes(topics: dict[str, list[Route]]) -> dict[type, str]:
    """Every Struct a caller meets, with the file that has it: its topic's, or the shared one."""
    found: dict[type, set[str]] = {}
    for topic, routes in topics.items():
        kinds: dict[type, None] = {}
        for route in routes:
            for kind in _met(route):
                _collect(kind, kinds)
        for struct in kinds:
            found.setdefault(struct, set()).add(topic)
    return {
        kind: next(iter(where)) if len(where) == 1 else SHARED
        for kind, where in sorted(found.items(), key=lambda each: each[0].__name__)
    }


def _met(route: Route) -> list[Any]:
    use = uses()[route.use]
    kinds = [field.type for field in fields_beside(route)]
    if not route.media_type:
        kinds.append(use.result)
    if route.stream and not route.media_type:
        kinds += events_of(use)
    return kinds


def events_of(use: Use) -> list[type[msgspec.Struct]]:
    """What a stream tells on the way to its result: the tagged Structs of the use's own file, else those in its
    result, else how far it is."""
    own = [kind for kind in vars(sys.modules[use.body.__module__]).values() if _is_tagged(kind)]
    inside: dict[type, None] = {}
    _collect(use.result, inside)
    of_result = [kind for kind in inside if _is_tagged(kind)]
    return [kind for kind in own if kind.__module__ == use.body.__module__] or of_result or [Progress]


def _is_tagged(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct) and bool(kind.__struct_config__.tag)


def _collect(kind: Any, into: dict[type, None]) -> None:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in into:
        into[kind] = None
        for field in msgspec.structs.fields(kind):
            _collect(field.type, into)
    for each in get_args(kind):
        if not isinstance(each, str):
            _collect(each, into)


# --- Python as text ------------------------------------------------------------------------------------------------


def type_text(kind: Any, *, parameter: bool = False) -> str:
    """A type as it is written. Of a parameter any sequence and mapping will do."""
    if kind is None or kind is types.NoneType:
        return "None"
    if kind is Any:
        return "Any"
    if isinstance(kind, type) and not get_origin(kind):
        return kind.__name__
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, inside))}]"
    if origin in (Union, types.UnionType):
        return " | ".join(type_text(each, parameter=parameter) for each in inside)
    words = [type_text(each, parameter=parameter) for each in inside if each is not Ellipsis]
    if origin in (list, tuple) and (parameter or Ellipsis in inside):
        return f"{'Sequence' if parameter else 'list'}[{', '.join(words)}]"
    name = "Mapping" if parameter and origin is dict else origin.__name__
    return f"{name}[{', '.join(words)}]"


def _doc(text: str, indent: str) -> str:
    """A docstring, broken into lines."""
    words = re.sub(r"\s+", " ", text).replace("\\", "\\\\").split(" ")
    lines, line = [], f'{indent}"""'
    for word in words:
        room = 110 if line.strip() == '"""' or not line.strip() else 109
        if len(line) + 1 + len(word) > room and line.strip() not in ("", '"""'):
            lines.append(line)
            line = indent + word
        else:
            line += word if line.endswith('"""') or line == indent else f" {word}"
    if len(line) > 107:
        return "\n".join([*lines, line, f'{indent}"""'])
    return "\n".join([*lines, f'{line}"""'])


def _struct(kind: type[msgspec.Struct]) -> str:
    config = kind.__struct_config__
    tag = f", tag={config.tag!r}" if config.tag else ""
    text = f"class {kind.__name__}(msgspec.Struct, frozen=True, kw_only=True{tag}):\n"
    text += _doc(prose.tidy(inspect.getdoc(kind) or ""), "    ") + "\n\n"
    for field in msgspec.structs.fields(kind):
        if field.name != field.encode_name:
            raise ValueError(f"{kind.__name__}.{field.name} has another name on the wire")
        text += f"    {field.name}: {type_text(field.type)}{_struct_default(field)}\n"
    return text


def _struct_default(field: msgspec.structs.FieldInfo) -> str:
    value: Any = field.default
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    if value is msgspec.NODEFAULT:
        return ""
    if isinstance(value, msgspec.Struct):
        name = type(value).__name__
        return f" = msgspec.field(default_factory=lambda: {name}())"
    return f" = {list(value) if isinstance(value, tuple) else value!r}"


def _method(route: Route) -> str:
    use = uses()[route.use]
    by_name = {field.encode_name: field for field in msgspec.structs.fields(use.parameters)}
    in_path = [by_name[name] for name in names_in(route.path)]
    beside = fields_beside(route)
    words = [f"{field.name}: {type_text(field.type, parameter=True)}" for field in in_path]
    required = [field for field in beside if field.required]
    optional = [field for field in beside if not field.required]
    keywords = [f"{field.name}: {type_text(field.type, parameter=True)}" for field in required]
    keywords += [_optional(field) for field in optional]
    if use.conditional:
        keywords.append('if_match: str = ""')
    keyed = route.method == "POST" and not route.stream
    if keyed:
        keywords.append('idempotency_key: str = ""')
    signature = ", ".join(["self", *words, *(["*", *keywords] if keywords else [])])
    name = re.sub(r"\W", "_", route.use)
    text = f"    def {name}({signature}) -> {_answer(route, use)}:\n"
    text += _doc(_help(route, use), "        ") + "\n"
    return text + f"        return {_body(route, use, in_path, beside, keyed)}\n"


def _optional(field: msgspec.structs.FieldInfo) -> str:
    kind = type_text(field.type, parameter=True)
    default = _default(field)
    if default == "None" and "None" not in kind:
        kind += " | None"
    return f"{field.name}: {kind} = {default}"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default is msgspec.NODEFAULT:
        return "None" if isinstance(field.default_factory(), dict) else "()"  # type: ignore[operator]
    return repr(field.default)


def _answer(route: Route, use: Use) -> str:
    if route.media_type:
        return "Download"
    result = type_text(use.result)
    if route.stream:
        return f"Stream[{' | '.join(_event_names(route))}, {result}]"
    return f"Tagged[{result}]" if route.etag else result


def _event_names(route: Route) -> list[str]:
    return [kind.__name__ for kind in events_of(uses()[route.use])]


def _help(route: Route, use: Use) -> str:
    text = f"{prose.tidy(use.help)} Right: {use.right}."
    if route.stream and not route.media_type:
        text += " What is told on the way can be iterated over; `wait()` gives the result."
    if use.conditional:
        text += " `if_match`: only if it is still the version with this `etag`."
    return text


def _body(
    route: Route,
    use: Use,
    in_path: list[msgspec.structs.FieldInfo],
    beside: list[msgspec.structs.FieldInfo],
    keyed: bool,
) -> str:
    path = re.sub(r"\{\w+\}", "{}", route.path)
    place = (
        f"path_of({', '.join([repr(path), *(field.name for field in in_path)])})" if in_path else repr(path)
    )
    arguments = [repr(route.method), place]
    if not route.media_type:
        arguments.append(type_text(use.result))
    if route.stream and not route.media_type:
        names = _event_names(route)
        arguments.append(f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})")
    if beside:
        given = [f"{field.encode_name!r}: {field.name}" for field in beside if field.required]
        words = [f"{{{', '.join(given)}}}"]
        words += [
            f"({field.encode_name!r}, {field.name}, {_default(field)})"
            for field in beside
            if not field.required
        ]
        place_of = "query" if route.method in ("GET", "DELETE") else "body"
        arguments.append(f"{place_of}=given({', '.join(words)})")
    if use.conditional:
        arguments.append("if_match=if_match")
    if keyed:
        arguments.append("key=idempotency_key")
    verb = "download" if route.media_type else "stream" if route.stream else "tagged" if route.etag else "ask"
    return f"self._link.{verb}({', '.join(arguments)})"


# --- files ---------------------------------------------------------------------------------------------------------


def _topic(topic: str, routes: list[Route], homes: dict[type, str]) -> str:
    own = [kind for kind, home in homes.items() if home == topic]
    code = "".join(f"\n\n{_struct(kind)}" for kind in own)
    code += f'\n\nclass {class_of(topic)}(Topic):\n    """Calls of the topic {routes[0].tag}."""\n'
    code += "".join(f"\n{_method(route)}" for route in routes)
    used = [kind.__name__ for kind, home in homes.items() if home == SHARED and _names(code, kind.__name__)]
    head = f'"""{routes[0].tag}. {NOTE}"""\n\n{_imports(code)}'
    head += f"from posthouse.client.generated.shared import {', '.join(used)}\n" if used else ""
    words = [name for name in ("Topic", "given", "path_of") if _names(code, name)]
    links = [name for name in ("Download", "Stream", "Tagged") if _names(code, name)]
    head += f"from posthouse.client.topic import {', '.join(words)}\n"
    head += f"from posthouse.client.link import {', '.join(links)}\n" if links else ""
    return head + code


def _imports(code: str) -> str:
    text = "from __future__ import annotations\n\n"
    abstract = [name for name in ("Mapping", "Sequence") if _names(code, name)]
    text += f"from collections.abc import {', '.join(abstract)}\n" if abstract else ""
    typed = [name for name in ("Any", "Literal") if _names(code, name)]
    text += f"from typing import {', '.join(typed)}\n" if typed else ""
    return text + ("\nimport msgspec\n\n" if "msgspec." in code else "\n")


def _names(code: str, name: str) -> bool:
    return re.search(rf"(?<![\w.'\"]){name}\b(?!')", re.sub(r'"""[\s\S]*?"""', "", code)) is not None


def _shared(homes: dict[type, str]) -> str:
    code = "".join(f"\n\n{_struct(kind)}" for kind, home in homes.items() if home == SHARED)
    return f'"""What calls of several topics answer. {NOTE}"""\n\n{_imports(code)}{code}'


def _init(topics: dict[str, list[Route]], homes: dict[type, str]) -> str:
    text = f'"""Every call of the API. {NOTE}"""\n\n'
    text += "from __future__ import annotations\n\n"
    everything = ["Calls"]
    for topic in sorted([*topics, SHARED]):
        names = sorted(kind.__name__ for kind, home in homes.items() if home == topic)
        everything += names
        if topic != SHARED:
            names.append(class_of(topic))
        text += f"from posthouse.client.generated.{topic} import {', '.join(sorted(names))}\n"
    text += f"\n__all__ = {sorted(everything)!r}\n"
    bases = ", ".join(class_of(topic) for topic in sorted(topics))
    return (
        text + f'\n\nclass Calls({bases}):\n    """One method for each call, named as its `operationId`."""\n'
    )


def _formatted(files: dict[str, str]) -> dict[str, str]:
    """The files as the linter of the project wants them."""
    config = str(FOLDER.parents[3] / "pyproject.toml")
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder, name) for name in sorted(files)}
        for name, path in paths.items():
            path.write_text(files[name], encoding="utf-8")
        for words in (["check", "--fix-only", "--select", "I"], ["format"]):
            command = [
                sys.executable,
                "-m",
                "ruff",
                *words,
                "--quiet",
                "--no-cache",
                "--config",
                config,
                folder,
            ]
            subprocess.run(command, check=True, cwd=FOLDER.parents[3], timeout=60)  # noqa: S603 - our own linter
        return {name: path.read_text(encoding="utf-8") for name, path in paths.items()}


def main() -> None:
    """Write the files, and remove those of topics that are no more."""
    FOLDER.mkdir(exist_ok=True)
    files = render()
    for path in FOLDER.glob("*.py"):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
