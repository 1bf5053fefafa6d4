"""Write a CellSpec as a cell file that shows every field, with a comment for each section."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from cellctl.spec.model import CellSpec

SCHEMA = "../.cellctl/schemas/cell-v1.json"  # where a home keeps it, seen from cells/

# Sections that read best in one line each.
_WIDTH = 120
_COMMENTS: Mapping[str, str] = {
    "cloud": "aws or azure; cloud, account and region are frozen once the cell exists",
    "account": "a name in cellctl.yaml; sandbox is simulated: nothing real is created",
    "preset": "trial, standard or gold: fills what this file does not say",
    "placement": "dedicated, or {reef: NAME} for shared database host and gateway",
    "octopus": "without a licence, Octopus accepts one node",
    "nodes": "2 to 8; small 2 cores, medium 4, large 8; a role for each: ui, worker or both",
    "database": "point-in-time backups for retentionDays; multiZone keeps a second copy in step",
    "storage": "files that all nodes mount, one share for each kind",
    "ingress": "who reaches the cell, and by what name; without a certificate it makes its own",
    "network": "its own network, /16 to /24; cells are not peered, so equal ranges are legal",
    "maintenance": "when the cloud may patch",
    "protection": "deletion locks on everything that holds data",
}


def dump(spec: CellSpec, *, schema: str = SCHEMA) -> str:
    """Return the text of a cell file: every field, comments, and the line by which editors find the schema.

    `loads(dump(spec)) == spec` for every spec.
    """
    head = [
        f"# yaml-language-server: $schema={schema}",
        "# A cell: one customer's own Octopus Server. All fields: docs/reference/cell-file.md",
    ]
    return "\n".join([*head, *section_lines(spec.to_json(), _COMMENTS)]) + "\n"


def section_lines(data: Mapping[str, object], comments: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a file of metadata and spec, `comments` above the sections of its spec."""
    yield f"apiVersion: {data['apiVersion']}"
    yield f"kind: {data['kind']}"
    yield f"metadata: {_inline(data['metadata'])}"
    yield "spec:"
    body = data["spec"]
    assert isinstance(body, Mapping)
    for key, value in body.items():
        comment = comments.get(str(key))
        shown = _without_nulls(value)
        inline = f"  {key}: {_inline(shown)}"
        if comment:
            yield f"  # {comment}"
        if len(inline) <= _WIDTH or not isinstance(shown, Mapping):
            yield inline
            continue
        yield f"  {key}:"
        for name, item in shown.items():
            yield f"    {name}: {_inline(item)}"


def _without_nulls(value: object) -> object:
    """Return a section without its empty options: they mean the same when they are absent."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value


def _inline(value: object) -> str:
    """Return a value in YAML's flow style in one line, quoted wherever YAML readers could differ."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_inline(key)}: {_inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def _text(text: str) -> str:
    """Return a text plain where it is beyond doubt, else in double quotes."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_./@-]*|\d+(\.\d+){3}/\d+", text)
    if plain and text.lower() not in ("yes", "no", "on", "off", "y", "n", "true", "false", "null"):
        return text
    quoted: object = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10_000)
    return str(quoted).strip()
