"""Read a cell file: from text to CellSpec, or to every problem at once, each with file, line, column and field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from cellctl.errors import Problem, SpecError
from cellctl.spec import fields, rules, source, tree
from cellctl.spec import problems as words
from cellctl.spec.model import DEFER_RULES, CellSpec
from cellctl.spec.tree import Path, Tree

_Model = TypeVar("_Model", bound=BaseModel)
# Values for what is missing or wrong, only so that the rest can be checked.
_STAND_INS: Mapping[str, object] = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1"}
_Found = list[tuple[Path, Problem]]


def load(path: FilePath | str) -> CellSpec:
    """Return the spec of a cell file.

    Raises:
        SpecError: Every problem of the file, in the order of its lines.
    """
    return loads(source.read(FilePath(path)), file=source.shown(FilePath(path)))


def loads(text: str, file: str = "cell.yaml") -> CellSpec:
    """Return the spec of a cell file's text; `file` is the name in messages.

    Raises:
        SpecError: Every problem of the text, in the order of its lines.
    """
    found = parsed(text, file)
    spec, wrong = validate(CellSpec, found.data, found)
    wrong += [item for item in doubts(found) if item[0] not in {path for path, _ in wrong}]
    bad = frozenset(path for path, _ in wrong)
    whole = spec or _repaired(found.data, bad)
    if whole is not None:
        wrong += [
            (words.parse_field(finding.problem.field), finding.problem)
            for finding in rules.findings(whole)
            if not any(_touches(words.parse_field(name), bad) for name in finding.fields)
        ]
    if wrong or spec is None:
        raise SpecError(words.placed(_in_file(wrong, found), found, file))
    return spec


def located(error: SpecError, path: FilePath) -> SpecError:
    """Return `error` with the place of each problem that has only a field, as in a layout's; file gone: as it is."""
    return SpecError(places(error.problems, path), hint=error.hint)


def places(problems: Sequence[Problem], path: FilePath) -> Sequence[Problem]:
    """Return problems with the places of their fields in a file; as they are if it cannot be read any more."""
    try:
        found = parsed(source.read(path), source.shown(path))
    except SpecError:
        return problems
    return words.placed(problems, found, source.shown(path))


def placed_in(problems: Sequence[Problem], text: str, file: str) -> Sequence[Problem]:
    """Return problems with the places of their fields in the text of a file.

    Raises:
        SpecError: The text is not well formed.
    """
    return words.placed(problems, parsed(text, file), file)


def first_line(text: str, fields: Iterable[str]) -> int:
    """Return the first line, from 1, at which one of `fields` stands in a file's text; 1 where none does."""
    try:
        found = parsed(text, "")
    except SpecError:
        return 1
    marks = (found.values.get(words.parse_field(field)) for field in fields)
    return min((mark.line for mark in marks if mark is not None), default=1)


def validated(data: Mapping[str, object], file: str = "") -> CellSpec:
    """Return the spec of JSON-like data with the keys of the file.

    Raises:
        SpecError: Every problem, without places.
    """
    found = Tree(data=data)
    spec, wrong = validate(CellSpec, data, found)
    listed = [problem for _, problem in wrong]
    if spec is not None:
        listed += [finding.problem for finding in rules.findings(spec)]
    if listed or spec is None:
        raise SpecError([Problem(message=item.message, field=item.field, file=file, hint=item.hint) for item in listed])
    return spec


def parsed(text: str, file: str) -> Tree:
    """Return the tree of a file's text, a mapping of known shape.

    Raises:
        SpecError: The text is not well formed; validation of its fields would only repeat that.
    """
    if len(text) > tree.MAX_BYTES:
        raise SpecError([Problem(message=f"is larger than {tree.MAX_BYTES // 1024} KiB", file=file, line=1, column=1)])
    found = tree.parse(text)
    if not found.problems and not isinstance(found.data, Mapping):
        empty = found.data is None
        message = "the file is empty" if empty else "must be a section of keys and values, such as `kind: …`"
        found.problems.append(Problem(message=message))
    if found.problems:
        raise SpecError(words.placed(found.problems, found, file))
    return found


def validate(model: type[_Model], data: object, found: Tree) -> tuple[_Model | None, _Found]:
    """Return the model of `data`, or None, and every problem of its single fields."""
    wrong: _Found = []
    for path, hint in fields.unknown(model, data):
        mark = found.key_place(path)
        problem = Problem(
            message="is not a field here", field=tree.dotted(path), hint=hint, line=mark.line, column=mark.column
        )
        wrong.append((path, problem))
    clean = fields.without(data, frozenset(path for path, _ in wrong))
    try:
        return model.model_validate(clean, context=DEFER_RULES), wrong
    except ValidationError as error:
        return None, wrong + words.translate(error, clean, found.doubtful)


def _repaired(data: object, bad: frozenset[Path]) -> CellSpec | None:
    """Return the spec with stand-ins for its wrong values, so that rules between the others are checked too."""
    clean = fields.without(data, bad)
    if not isinstance(clean, Mapping):
        return None
    body, metadata = clean.get("spec"), clean.get("metadata")
    whole = {
        "metadata": {"name": "cell", **(metadata if isinstance(metadata, Mapping) else {})},
        "spec": {**_STAND_INS, **(body if isinstance(body, Mapping) else {})},
    }
    try:
        return CellSpec.model_validate(whole, context=DEFER_RULES)
    except ValidationError:
        return None


def _touches(path: Path, bad: frozenset[Path]) -> bool:
    return any(path[: len(other)] == other or other[: len(path)] == path for other in bad)


def doubts(found: Tree) -> _Found:
    """Return plain words that YAML 1.1 and 1.2 readers take for different values."""
    return [
        (
            path,
            Problem(
                message=f"{text} means different things to YAML readers",
                field=tree.dotted(path),
                hint=f'put it in quotes if it is a text: "{text}"',
            ),
        )
        for path, text in found.doubtful.items()
    ]


def _in_file(wrong: _Found, found: Tree) -> list[Problem]:
    """Return the problems; those of values that only a default made are left out while the file's own are wrong."""
    own = [(path, problem) for path, problem in wrong if path in found.values or "needed" in problem.message]
    return [problem for _, problem in (own or wrong)]
