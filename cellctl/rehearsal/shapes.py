"""What a provider SDK's classes take, read from their source: nothing of the package is imported or run.

Pulumi generates every SDK alike: a JSON list in `__init__.py` says in which package a token's class is; the class has a
sibling `<Class>Args` whose constructor names the arguments, `_internal_init` says what is required, defaulted and
aliased, and `_inputs.py` holds the classes that arguments are made of.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

_LIST = re.compile(r'resource_modules="""\s*(\[.*?\])\s*"""', re.DOTALL)
_CLASS = re.compile(r"^class (\w+)", re.MULTILINE)
_VERSION = re.compile(r"/v\d[^:/]*(?=:)")
_WRAPPERS = ("Input", "Optional", "InputType")


@dataclass(frozen=True, kw_only=True, slots=True)
class Argument:
    """One argument, by the name that states have: its type in short, whether it is required, its default as source."""

    type: str
    required: bool = False
    default: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """One class: its arguments, those of the classes that they are made of, what it returns, and its other tokens."""

    token: str
    arguments: Mapping[str, Argument]
    nested: Mapping[str, Mapping[str, Argument]] = field(default_factory=dict)
    outputs: frozenset[str] = frozenset()
    aliases: frozenset[str] = frozenset()
    replaced_by: frozenset[str] = frozenset()


class Sdk:
    """An SDK in a folder of packages (`site-packages`); `module` is its import name, such as `pulumi_aws`."""

    def __init__(self, folder: Path, module: str) -> None:
        self.folder, self.module = folder / module, module
        self._shapes: dict[str, Shape | None] = {}

    @cached_property
    def version(self) -> str:
        """Its version, `` where its folder does not say."""
        name = self.module.replace("_", "[-_]")
        found = (re.fullmatch(rf"{name}-(.+)\.dist-info", path.name) for path in self.folder.parent.glob("*.dist-info"))
        return next((match[1] for match in found if match), "")

    @cached_property
    def package(self) -> str:
        """What its tokens begin with, such as `azure-native`."""
        return next(iter(self._classes), "").partition(":")[0]

    def shape(self, token: str) -> Shape | None:
        """Return the class of a type in a state, also of one with an API version that is an alias of it; else None."""
        if token not in self._shapes:
            self._shapes[token] = self._read(token)
        return self._shapes[token]

    def class_of(self, token: str) -> str:
        """Return the Python path of a token's class, such as `pulumi_aws.rds.Instance`; `` where there is none."""
        fqn, name = self._classes.get(_VERSION.sub("", token), ("", ""))
        return f"{fqn}.{name}" if name else ""

    def token_of(self, class_: str) -> str:
        """Return the token of the class with this Python path, `` where there is none."""
        return next((token for token, place in self._classes.items() if ".".join(place) == class_), "")

    @cached_property
    def _classes(self) -> dict[str, tuple[str, str]]:
        """Python package and name of each token's class."""
        text = (self.folder / "__init__.py").read_text(encoding="utf-8")
        found = _LIST.search(text)
        rows = json.loads(found[1]) if found else []
        return {token: (row["fqn"], name) for row in rows for token, name in row["classes"].items()}

    def _read(self, token: str) -> Shape | None:
        place = self._classes.get(token)
        plain = _VERSION.sub("", token)
        if place is None and plain != token:
            shape = self.shape(plain)
            return shape if shape is not None and token in shape.aliases else None
        return _shape(token, self.folder.parent.joinpath(*place[0].split(".")), place[1]) if place else None


def _shape(token: str, folder: Path, name: str) -> Shape | None:
    source = _source_of(folder, name)
    if source is None:
        return None
    blocks = _blocks(source)
    if name not in blocks:
        return None
    resource, init = blocks[name], _function(blocks[name], "_internal_init")
    names = _wire_names(blocks.get(f"{name}Args")) | _wire_names(resource)
    arguments = _arguments(blocks.get(f"{name}Args"), names, init)
    return Shape(
        token=token,
        arguments=arguments,
        nested=_nested(folder, (item.type for item in arguments.values())),
        outputs=frozenset(_wire_names(resource).values()),
        aliases=frozenset(_texts(init, "type_")),
        replaced_by=frozenset(_texts(init, "replace_on_changes")),
    )


def _source_of(folder: Path, name: str) -> str | None:
    """Return the source of the module that has a class; most are named after it."""
    likely = folder / f"{re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name).lower()}.py"
    for path in (likely, *sorted(folder.glob("*.py"))):
        if path.is_file() and f"\nclass {name}(" in (text := path.read_text(encoding="utf-8")):
            return text
    return None


def _blocks(source: str, wanted: frozenset[str] = frozenset()) -> dict[str, ast.ClassDef]:
    """Return the classes of a module; only `wanted` ones are parsed, because such modules may have 20,000 lines."""
    places = list(_CLASS.finditer(source))
    found: dict[str, ast.ClassDef] = {}
    for place, after in zip(places, [*places[1:], None], strict=True):
        if wanted and place[1] not in wanted:
            continue
        text = source[place.start() : after.start() if after else len(source)]
        node = next(iter(_parsed(text)), None)
        if isinstance(node, ast.ClassDef):
            found[place[1]] = node
    return found


def _parsed(text: str) -> list[ast.stmt]:
    """Return the statements of a slice that may end in the decorator of what follows."""
    lines = text.rstrip().splitlines()
    while lines and (lines[-1].startswith(("@", "if ", "else:", "elif ")) or not lines[-1].strip()):
        lines.pop()
    try:
        return ast.parse("\n".join(lines)).body
    except SyntaxError:
        return []


def _function(cls: ast.ClassDef | None, name: str) -> ast.FunctionDef | None:
    found = [node for node in (cls.body if cls else []) if isinstance(node, ast.FunctionDef) and node.name == name]
    return found[-1] if found else None


def _wire_names(cls: ast.ClassDef | None) -> dict[str, str]:
    """Return the names in states by those in Python: of each property the getter's `name`, else its own."""
    found: dict[str, str] = {}
    for node in cls.body if cls else []:
        if isinstance(node, ast.FunctionDef) and any("property" in ast.unparse(item) for item in node.decorator_list):
            found[node.name] = next(_getter_names(node), node.name)
    return found


def _getter_names(node: ast.FunctionDef) -> Iterator[str]:
    for item in node.decorator_list:
        if isinstance(item, ast.Call) and ast.unparse(item.func).endswith("getter"):
            yield from (
                str(word.value.value)
                for word in item.keywords
                if word.arg == "name" and isinstance(word.value, ast.Constant)
            )


def _arguments(
    cls: ast.ClassDef | None, names: Mapping[str, str], init: ast.FunctionDef | None = None
) -> dict[str, Argument]:
    """Return the arguments of a class' constructor; `init` may say more defaults."""
    constructor = _function(cls, "__init__")
    if constructor is None:
        return {}
    spec = constructor.args
    given = [
        *zip(spec.args[1:], [None] * len(spec.args[1:]), strict=True),
        *zip(spec.kwonlyargs, spec.kw_defaults, strict=True),
    ]
    defaults = {**_defaults(constructor), **(_defaults(init) if init else {})}
    return {
        names.get(item.arg, item.arg): Argument(
            type=_short(item.annotation), required=default is None, default=defaults.get(item.arg, "")
        )
        for item, default in given
    }


def _defaults(function: ast.FunctionDef) -> dict[str, str]:
    """Return what `if x is None: x = …` gives each argument."""
    found: dict[str, str] = {}
    for node in ast.walk(function):
        if not isinstance(node, ast.If) or len(node.body) != 1 or not isinstance(node.body[0], ast.Assign):
            continue
        (target,) = node.body[0].targets
        if isinstance(target, ast.Name) and ast.unparse(node.test) == f"{target.id} is None":
            found[target.id] = ast.unparse(node.body[0].value)
    return found


def _short(annotation: ast.expr | None) -> str:
    """Return a type without what generators of different ages wrap it in: `Input`, `Optional`, twins of one class."""
    match annotation:
        case None:
            return ""
        case ast.Subscript(value=value, slice=inner):
            name = ast.unparse(value).rpartition(".")[2]
            if name in _WRAPPERS:
                return _short(inner)
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            shorts = [text for part in parts if (text := _short(part))]
            if name == "Union":
                return " | ".join(dict.fromkeys(shorts))
            return f"{name}[{', '.join(shorts)}]"
        case ast.Constant(value=str(text)):
            return (
                ""
                if text.endswith("ArgsDict") or text.startswith("outputs.")
                else _short(ast.parse(text, mode="eval").body)
            )
        case _:
            return ast.unparse(annotation).rpartition(".")[2]


def _nested(folder: Path, types: Iterator[str]) -> dict[str, dict[str, Argument]]:
    """Return the arguments of the classes that arguments are made of, and of those that these are made of."""
    path = folder / "_inputs.py"
    source = path.read_text(encoding="utf-8") if path.is_file() else ""
    found: dict[str, dict[str, Argument]] = {}
    todo = _classes_in(types)
    while todo:
        blocks = _blocks(source, frozenset(todo))
        made = {name: _arguments(cls, _wire_names(cls)) for name, cls in blocks.items()}
        found |= made
        todo = _classes_in(item.type for rows in made.values() for item in rows.values()) - set(found)
        todo -= {name for name in todo if f"\nclass {name}" not in source}
    return found


def _classes_in(types: Iterator[str]) -> set[str]:
    return {name for text in types for name in re.findall(r"\w+Args\b", text)}


def _texts(function: ast.FunctionDef | None, word: str) -> Iterator[str]:
    """Yield the constants of every keyword of this name."""
    for node in ast.walk(function) if function else ():
        if isinstance(node, ast.keyword) and node.arg == word:
            yield from (str(item.value) for item in ast.walk(node.value) if isinstance(item, ast.Constant))
