"""Many cells in one process: what a module keeps between calls is listed here, each with the reason why it may."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOTS = ("cellctl", "components", "stacks", "provider")  # the sandbox simulates clouds: what it keeps is theirs
PROGRAMS = ("cellctl/cli/", "cellctl/testing/")
"""Not of the library: the command line, and what tests are written with."""
MAKERS = {
    "dict", "list", "set", "bytearray", "defaultdict", "deque", "OrderedDict", "Counter", "count", "cycle", "Lock",
    "RLock", "Condition", "Event", "Semaphore", "local", "ContextVar", "WeakKeyDictionary", "WeakValueDictionary",
    "WeakSet", "Queue", "SimpleQueue",
}  # fmt: skip
CHANGES = {
    "append", "add", "update", "pop", "popitem", "clear", "extend", "insert", "remove", "discard", "setdefault",
    "move_to_end", "appendleft", "popleft",
}  # fmt: skip
KEPT = {
    "cellctl/facts/__init__.py:_FOLDERS": "where tests of a sandbox's own types add theirs; nothing else changes it",
    "cellctl/registry/database.py:_files": "one engine for each SQLite file, so that its writers wait for one another",
    "cellctl/spec/converting.py:STEPS": "a table that is empty as long as there is one version of the format",
    "cellctl/state/resources.py:_rows": "numbers rows of states in the order in which they were made; never goes back",
    "provider/cellctl_provider/aws/clients.py:_MAKING": "boto3 sessions make one client at a time; holds nothing",
    "provider/cellctl_provider/baton.py:_local": "which line a thread of a simulated cloud stands in",
    "provider/cellctl_provider/baton.py:_lock": "of all lines of a process",
    "provider/cellctl_provider/baton.py:_holders": "lines that are held: a fork gives them up",
}
CACHED = {
    "components/cellctl_components/layout.py:facts": "a file of the package",
    "cellctl/dialer.py:trust": "an SSL context of a certificate",
    "cellctl/versions.py:installed": "versions of installed packages stay while a process lives",
    "cellctl/registry/rows.py:_row": "a statement of a table",
    "cellctl/registry/rows.py:_change": "likewise",
    "cellctl/registry/rows.py:_addition": "likewise",
    "cellctl/registry/database.py:_insertion": "likewise",
    "cellctl/leases/holder.py:_read": "the boot id of this machine",
    "cellctl/state/sealing.py:derive_key": "a key of a passphrase and a salt costs as much as a preview",
    "cellctl/guard/__init__.py:_outsiders": "entry points of installed packages",
}
"""Functions whose answers are kept. Those of `facts` read files of the package, which never change."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for root in ROOTS:
        for path in sorted((ROOT / root).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(PROGRAMS):
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def kept(tree: ast.Module) -> Iterator[str]:
    """Yield the names in a module that hold something which is, or can only be meant to be, changed later."""
    top = dict(_assigned(tree.body))
    for cls in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        yield from (f"{cls.name}.{name}" for name, value in _assigned(cls.body) if _changes_later(value))
    yield from (name for name, value in top.items() if _changes_later(value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield from node.names
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            own = {name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}
            own |= {argument.arg for argument in ast.walk(node) if isinstance(argument, ast.arg)}
            yield from (name for name in _changed(node) if name in top and name not in own)


def _assigned(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for node in body:
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value


def _changes_later(value: ast.expr) -> bool:
    """Whether a value is an empty container or something that is made to be changed."""
    if isinstance(value, ast.Dict | ast.List):
        return not (value.keys if isinstance(value, ast.Dict) else value.elts)
    if not isinstance(value, ast.Call):
        return False
    called = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
    filled = called in {"dict", "list", "set"} and (value.args or value.keywords)  # a table, made in another way
    return called in MAKERS and not filled


def _changed(function: ast.AST) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            yield from _name(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
            yield from _name(node.func.value)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield from _name(node.value)


def _name(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id


def test_no_module_of_the_library_keeps_state_but_those_that_are_listed_with_a_reason() -> None:
    found = {f"{module}:{name}" for module, tree in modules() for name in kept(tree)}
    assert found == {*KEPT}


def test_no_function_of_the_library_keeps_answers_but_those_that_are_listed_with_a_reason() -> None:
    found = {
        f"{module}:{node.name}"
        for module, tree in modules()
        if "facts" not in module
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if ast.unparse(decorator).partition("(")[0].rpartition(".")[2] in ("cache", "lru_cache")
    }
    assert found == {*CACHED}


@pytest.mark.parametrize(
    "code",
    [
        "SEEN = {}",
        "SEEN: list[str] = []",
        "import collections\nSEEN = collections.defaultdict(list)",
        "SEEN = {1: 2}\ndef f():\n    SEEN[3] = 4",
        "SEEN = [1]\ndef f():\n    SEEN.append(2)",
        "SEEN = 0\ndef f():\n    global SEEN\n    SEEN += 1",
        "SEEN = object()\ndef f():\n    SEEN.of = 1",
    ],
)
def test_state_is_seen(code: str) -> None:
    assert {*kept(ast.parse(code))} == {"SEEN"}


@pytest.mark.parametrize(
    "code",
    ["T = {1: 2}", "T = (1,)\ndef f(T):\n    T[0] = 1", "T = frozenset()", "T = dict(a=1)", "def f():\n    t = {}"],
)
def test_a_table_is_no_state(code: str) -> None:
    assert [*kept(ast.parse(code))] == []
