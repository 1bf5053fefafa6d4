"""Print which modules of the cloud SDKs the code uses: mypy must follow them (docs/adr/0003); `--write` lists them."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SDKS = ("pulumi_aws", "pulumi_azure_native")
SOURCES = ("components", "stacks")
BEGIN, END = "# sdk modules in use: begin", "# sdk modules in use: end"


def used_modules() -> list[str]:
    """Return the modules that define what the code takes from the SDKs, and the packages on the way, sorted."""
    found: set[str] = set()
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.py"):
            found |= set(_of(ast.parse(path.read_text(encoding="utf-8"))))
    return sorted(found)


def _of(tree: ast.Module) -> Iterator[str]:
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in SDKS:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name in SDKS}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            dotted = _dotted(node)
            if dotted and dotted[0] in names:
                yield from _defining(f"{names[dotted[0]]}.{'.'.join(dotted[1:])}")


def _dotted(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value)
        return [*inner, node.attr] if inner else []
    return []


def _defining(path: str) -> Iterator[str]:
    """Yield the module that defines `path`, and its package."""
    parts = path.split(".")
    package, names = parts[0], parts[1:]
    value: object = importlib.import_module(package)
    while names and (names[0].islower() and hasattr(value, names[0]) and not isinstance(value, type)):
        package = f"{package}.{names[0]}"
        if package not in sys.modules:
            break
        value = getattr(value, names.pop(0))
    yield ".".join(path.split(".")[:2]) if package.count(".") else package
    if names:
        module = getattr(getattr(value, names[0], None), "__module__", "")
        if module.startswith(SDKS):
            yield module


def pyproject_text(modules: list[str]) -> str:
    """Return pyproject.toml with the list put in."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    rows = "".join(f'    "{name}",\n' for name in modules)
    return re.sub(f"    {BEGIN}\n.*    {END}\n", f"    {BEGIN}\n{rows}    {END}\n", text, flags=re.DOTALL)


if __name__ == "__main__":
    if "--write" in sys.argv:
        (ROOT / "pyproject.toml").write_text(pyproject_text(used_modules()), encoding="utf-8")
    else:
        print("\n".join(used_modules()))
