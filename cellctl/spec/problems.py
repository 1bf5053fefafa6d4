"""From pydantic's errors to `Problem`s in the words of a file, with their places."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from cellctl.errors import Problem
from cellctl.spec import fields
from cellctl.spec.tree import Mark, Path, Tree, dotted

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_UNION_PART = re.compile(
    r"literal\[.*\]|[A-Z][A-Za-z]*|function-after\[.*\]|constrained-.*|str|int|tuple\[.*\]|\[key\]"
)
_DOUBT_HINT = "write true or false for a yes or no; put it in quotes for a text; write numbers in plain decimal"

_WORDS: Mapping[str, str] = {
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a section of keys and values",
    "model_type": "must be a section of keys and values",
    "model_attributes_type": "must be a section of keys and values",
    "mapping_type": "must be a section of keys and values",
    "missing": "is needed here",
    "recursion_loop": "contains itself",
}


def placed(problems: Iterable[Problem], tree: Tree, file: str) -> list[Problem]:
    """Return problems of `tree` with the place of their field, in the order of the file."""
    found = [_placed(problem, tree, file) for problem in problems]
    return sorted(found, key=lambda problem: (problem.line or 0, problem.column or 0))


def _placed(problem: Problem, tree: Tree, file: str) -> Problem:
    mark = Mark(problem.line, problem.column or 1) if problem.line else tree.place(parse_field(problem.field))
    return dataclasses.replace(problem, file=file, line=mark.line, column=mark.column)


def parse_field(text: str) -> Path:
    """Return the path that `dotted` wrote; keys with dots in them are not told apart."""
    parts = re.findall(r"\[(\d+)\]|([^.\[\]]+)", text)
    return tuple(int(number) if number else word for number, word in parts)


def translate(error: ValidationError, data: object, doubtful: Mapping[Path, str]) -> list[tuple[Path, Problem]]:
    """Return each of pydantic's errors as the path of its value and a Problem without a place.

    A list with wrong entries is told by its entries alone: pydantic counts only the right ones for its length.
    """
    found: dict[Path, Problem] = {}
    for item in error.errors(include_url=False, include_context=True, include_input=True):
        path = _path(item["loc"], data)
        if _belongs_to_other_branch(item, path, data):
            continue
        found.setdefault(path, _problem(item, path, doubtful))
    lengths = [path for path in found if any(other[: len(path)] == path != other for other in found)]
    return [(path, problem) for path, problem in found.items() if path not in lengths]


def _path(loc: Sequence[int | str], data: object) -> Path:
    """Return pydantic's location without the names of union branches, which no file holds."""
    path: list[int | str] = []
    here = data
    for part in loc:
        inside = isinstance(here, Mapping) and part in here
        if isinstance(part, str) and not inside and _UNION_PART.fullmatch(part):
            continue
        path.append(part)
        here = _step(here, part)
    return tuple(path)


def _step(here: object, part: int | str) -> object:
    if isinstance(here, Mapping):
        return here.get(part)
    if isinstance(here, list | tuple) and isinstance(part, int) and part < len(here):
        return here[part]
    return None


def _belongs_to_other_branch(item: ErrorDetails, path: Path, data: object) -> bool:
    """Tell whether an error is about the branch of a union that the value does not look like."""
    value = data
    for part in path:
        value = _step(value, part)
    is_literal = any(isinstance(part, str) and part.startswith("literal[") for part in item["loc"])
    is_model = item["type"] in ("model_type", "model_attributes_type") and len(path) < len(item["loc"])
    return (is_literal and isinstance(value, Mapping)) or (is_model and not isinstance(value, Mapping))


def _problem(item: ErrorDetails, path: Path, doubtful: Mapping[Path, str]) -> Problem:
    kind, given = item["type"], item["input"]
    context = item.get("ctx", {})
    hint = ""
    if kind == "value_error":
        message = item["msg"].removeprefix("Value error, ")
    elif kind == "literal_error":
        message, hint = _choice(str(context.get("expected", "")), given)
    elif kind in _WORDS:
        message, hint = _type(kind, given)
    else:
        message = _limit(kind, context) or item["msg"].removeprefix("Input ").lower()
    if path in doubtful and kind != "value_error":
        hint = _DOUBT_HINT
    if isinstance(given, str) and kind == "value_error" and given and len(given) <= 60 and given.isprintable():
        message = f"'{given}' {message}"
    elif _is_number(given) and kind not in _WORDS:
        message = f"is {given}; it {message}"
    return Problem(message=message, field=dotted(path), hint=hint)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _choice(expected: str, given: object) -> tuple[str, str]:
    choices = tuple(re.findall(r"'([^']*)'", expected))
    one_of = f"must be {choices[0]}" if len(choices) == 1 else f"must be one of {', '.join(choices)}"
    if not isinstance(given, str):
        return f"{one_of}, not {_described(given)}", ""
    guess = fields.close(given, choices)
    return f"{one_of}, not '{given[:40]}'", f"did you mean {guess}?" if guess else ""


def _type(kind: str, given: object) -> tuple[str, str]:
    if kind == "missing":
        return _WORDS[kind], ""
    if given is None:
        return f"is empty; it {_WORDS[kind]}", "give it a value, or remove the line"
    if kind == "string_type" and _is_number(given):
        return f"{_WORDS[kind]}, not {_described(given)}", f'put it in quotes: "{given}"'
    return f"{_WORDS[kind]}, not {_described(given)}", ""


def _described(value: object) -> str:
    """Return what a value is, in words a person writes files with."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"{str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text '{value[:40]}'"
    return "a list" if isinstance(value, list | tuple) else "a section"


def _limit(kind: str, context: Mapping[str, object]) -> str:
    """Return a limit in words: numbers, lengths of texts and of lists."""
    words: Mapping[str, Callable[[Mapping[str, object]], str]] = {
        "greater_than_equal": lambda c: f"must be {c['ge']} or more",
        "less_than_equal": lambda c: f"must be {c['le']} or less",
        "string_too_short": lambda c: (
            "must not be empty" if c["min_length"] == 1 else f"needs {c['min_length']} characters"
        ),
        "string_too_long": lambda c: f"must have {c['max_length']} characters or fewer",
        "too_short": lambda c: f"must have {c['min_length']} entries or more; there are {c['actual_length']}",
        "too_long": lambda c: (
            f"must have {c['max_length']} entries or fewer; there are {c.get('actual_length') or 'more'}"
        ),
    }
    return words[kind](context) if kind in words else ""
