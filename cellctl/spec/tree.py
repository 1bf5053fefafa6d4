"""YAML text to plain data with the place of every key and value; every problem of form at once, never an exception.

A small subset of YAML on purpose: one document, mappings, lists and scalars. Anchors, aliases, merge keys, tags and
complex keys are refused, so no text can grow, run code or mean two things. Reads events, which need no recursion of
the library's, so depth is ours to bound.

Scalars follow YAML 1.2's core schema. Plain words that YAML 1.1 readers take for something else (`no`, `017`, `1_000`)
stay text here and are remembered in `Tree.doubtful`, because another tool would read another value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml
from yaml import events

from cellctl.errors import Problem

MAX_BYTES = 64 * 1024
MAX_DEPTH = 12
MAX_PROBLEMS = 100

Path = tuple[str | int, ...]
_Event = events.Event

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INT = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{0,30})?([eE][-+]?[0-9]{1,3})?")
_DOUBTFUL = re.compile(
    r"(?i:yes|no|on|off|y|n)|[-+]?0[0-9_]+|[-+]?0[xob][0-9a-fA-F_]+|[-+]?[0-9][0-9_]*_[0-9_]*|\+[0-9.]+"
    r"|[-+]?[0-9]+(:[0-5]?[0-9])+"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file, counted from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Tree:
    """What a text says. `values` and `keys` give the place of the value and of the key at each path."""

    data: object = None
    values: dict[Path, Mark] = field(default_factory=dict)
    keys: dict[Path, Mark] = field(default_factory=dict)
    doubtful: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: Path) -> Mark:
        """Return the place of the value at `path`, else of its nearest parent, else the file's first character."""
        for length in range(len(path), -1, -1):
            found = self.values.get(path[:length]) or self.keys.get(path[:length])
            if found is not None:
                return found
        return Mark(1, 1)

    def key_place(self, path: Path) -> Mark:
        """Return the place of the key at `path`, else as `place`."""
        return self.keys.get(path) or self.place(path)


def parse(text: str) -> Tree:
    """Return the tree of one YAML document; `problems` says what was wrong with its form."""
    tree = Tree()
    try:
        _Composer(tree, yaml.parse(text, Loader=yaml.SafeLoader)).document()
    except yaml.reader.ReaderError as error:
        mark = _mark_at(text, error.position)
        _report(tree, mark, f"the character U+{_codepoint(error.character):04X} is not allowed in YAML")
    except yaml.MarkedYAMLError as error:
        tree.problems.append(_syntax(text, error))
    except _Halt:
        pass
    return tree


class _Halt(Exception):
    """Too much is wrong to read on."""


class _Composer:
    """Builds a tree out of events."""

    def __init__(self, tree: Tree, stream: Iterator[_Event]) -> None:
        self._tree, self._stream = tree, stream

    def document(self) -> None:
        """Read the one document."""
        started = False
        for event in self._stream:
            if isinstance(event, events.DocumentStartEvent):
                if started:
                    _report(self._tree, _start(event), "a second document begins here; one file holds one")
                    raise _Halt
                started = True
            elif isinstance(event, events.NodeEvent):
                self._tree.data = self._node(event, ())
        if not started:
            _report(self._tree, Mark(1, 1), "the file is empty")

    def _node(self, event: _Event, path: Path) -> object:
        mark = _start(event)
        self._tree.values[path] = mark
        self._refuse_extras(event, path, mark)
        if isinstance(event, events.MappingStartEvent):
            return self._mapping(path, mark)
        if isinstance(event, events.SequenceStartEvent):
            return self._sequence(path, mark)
        return self._scalar(event, path) if isinstance(event, events.ScalarEvent) else None

    def _mapping(self, path: Path, mark: Mark) -> dict[str, object]:
        self._check_depth(path, mark)
        found: dict[str, object] = {}
        while not isinstance(event := next(self._stream), events.MappingEndEvent):
            key = self._key(event, path)
            below = (*path, key)
            if key in found:
                first = self._tree.keys[below].line
                _report(self._tree, _start(event), f"'{key}' is here twice; the first is in line {first}", below)
                self._skip(next(self._stream), below)
                continue
            self._tree.keys[below] = _start(event)
            found[key] = self._node(next(self._stream), below)
        return found

    def _key(self, event: _Event, path: Path) -> str:
        if isinstance(event, events.ScalarEvent):
            key = self._clean(event, path)
            self._refuse_extras(event, (*path, key), _start(event))
            if key == "<<" and event.style is None:
                _report(self._tree, _start(event), "merge keys (<<) are not used in these files; write it out", path)
            return key
        _report(self._tree, _start(event), "a key must be a single word", path)
        self._skip(event, (*path, "?"))
        return "?"

    def _sequence(self, path: Path, mark: Mark) -> list[object]:
        self._check_depth(path, mark)
        found: list[object] = []
        while not isinstance(event := next(self._stream), events.SequenceEndEvent):
            found.append(self._node(event, (*path, len(found))))
        return found

    def _scalar(self, event: events.ScalarEvent, path: Path) -> object:
        text = self._clean(event, path)
        if event.style is not None:
            return text
        if _DOUBTFUL.fullmatch(text):
            self._tree.doubtful[path] = text
            return text
        return _plain(text)

    def _clean(self, event: events.ScalarEvent, path: Path) -> str:
        text = str(event.value)
        try:
            text.encode()
        except UnicodeEncodeError:
            _report(self._tree, _start(event), "an escape here is half a character", path)
            return text.encode(errors="replace").decode()
        return text

    def _refuse_extras(self, event: _Event, path: Path, mark: Mark) -> None:
        if isinstance(event, events.AliasEvent):
            _report(self._tree, mark, f"aliases (*{event.anchor}) are not used in these files; write it out", path)
            return
        if getattr(event, "anchor", None):
            name = getattr(event, "anchor", "")
            _report(self._tree, mark, f"anchors (&{name}) are not used in these files; write the value out", path)
        if getattr(event, "tag", None):
            tag = str(getattr(event, "tag", "")).replace("tag:yaml.org,2002:", "!!")[:40]
            _report(self._tree, mark, f"tags ({tag}) are not used in these files; write the plain value", path)

    def _skip(self, event: _Event, path: Path) -> None:
        depth = 0
        while True:
            self._refuse_extras(event, path, _start(event))
            if isinstance(event, events.CollectionStartEvent):
                depth += 1
            elif isinstance(event, events.CollectionEndEvent):
                depth -= 1
            if depth == 0:
                return
            event = next(self._stream)

    def _check_depth(self, path: Path, mark: Mark) -> None:
        if len(path) >= MAX_DEPTH:
            _report(self._tree, mark, f"nested more than {MAX_DEPTH} levels deep", path[:2])
            raise _Halt


def _plain(text: str) -> object:
    """Return what a plain scalar means in YAML 1.2's core schema."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def dotted(path: Path) -> str:
    """Return a path as people write it: `spec.ingress.allow[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def _report(tree: Tree, mark: Mark, message: str, path: Path = ()) -> None:
    tree.problems.append(Problem(message=message, field=dotted(path), line=mark.line, column=mark.column))
    if len(tree.problems) >= MAX_PROBLEMS:
        raise _Halt


def _start(event: _Event) -> Mark:
    if event.start_mark is None:
        return Mark(1, 1)
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _mark_at(text: str, position: int) -> Mark:
    before = text[:position]
    return Mark(before.count("\n") + 1, position - before.rfind("\n"))


def _codepoint(character: object) -> int:
    return character if isinstance(character, int) else ord(str(character)[0])


def _syntax(text: str, error: yaml.MarkedYAMLError) -> Problem:
    """Return a syntax error in words; the library's own are kept where they help."""
    at = error.problem_mark or error.context_mark
    mark = Mark(1, 1) if at is None else Mark(at.line + 1, at.column + 1)
    lines = text.splitlines()
    line = lines[mark.line - 1] if mark.line <= len(lines) else ""
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent or line[mark.column - 1 : mark.column] == "\t":
        column = line.index("\t") + 1
        message, hint = "a tab is not allowed here", "indent with spaces"
        return Problem(message=message, hint=hint, line=mark.line, column=column)
    said = " ".join(str(part) for part in (error.context, error.problem) if part)
    hint = "is a quote or bracket left open?" if mark.line >= len(lines) else "look at this line and the one above it"
    return Problem(message=f"not valid YAML: {said}", hint=hint, line=mark.line, column=mark.column)
