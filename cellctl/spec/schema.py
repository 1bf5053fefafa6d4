"""JSON schemas of the files, for editors and CI, generated from the models: `python -m cellctl.spec.schema FOLDER`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from cellctl.spec.home import HomeSection
from cellctl.spec.model import CellSpec
from cellctl.spec.presets import PRESETS
from cellctl.spec.reef import ReefSpec

SCHEMAS: Mapping[str, type[BaseModel]] = {
    "cell-v1.json": CellSpec,
    "home-v1.json": HomeSection,
    "reef-v1.json": ReefSpec,
}
_OPTIONAL_SECTIONS = ("octopus", "nodes", "database", "storage", "ingress", "network")


def cell_schema() -> dict[str, object]:
    """Return the JSON schema of a cell file: only name, cloud, account and region are required."""
    schema = _schema(CellSpec)
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    for name, definition in definitions.items():
        required = [key for key in definition.get("required", ()) if name in ("Metadata", "Reef", "Licence")]
        if name == "CellBody":
            required = ["cloud", "account", "region"]
        if name == "ExistingNetwork":
            required = ["id", "subnets"]
        definition.pop("required", None)
        if required:
            definition["required"] = required
    return schema


def home_schema() -> dict[str, object]:
    """Return the JSON schema of `cellctl.yaml`."""
    return _schema(HomeSection)


def reef_schema() -> dict[str, object]:
    """Return the JSON schema of a reef file."""
    return _schema(ReefSpec)


def schema_text(name: str) -> str:
    """Return the text of one of `SCHEMAS`."""
    schema = cell_schema() if SCHEMAS[name] is CellSpec else _schema(SCHEMAS[name])
    return json.dumps(schema, indent=2) + "\n"


def write(folder: Path) -> None:
    """Write every schema into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SCHEMAS:
        (folder / name).write_text(schema_text(name), encoding="utf-8")


def preset_words(section: str, key: str) -> str:
    """Return what each preset fills in for a field, in words, or an empty string."""
    values = {name: preset.get(section, {}).get(key) for name, preset in PRESETS.items()}
    if all(value is None for value in values.values()):
        return ""
    return ", ".join(f"{name} {json.dumps(value)}" for name, value in values.items())


def _schema(model: type[BaseModel]) -> dict[str, object]:
    found: dict[str, object] = model.model_json_schema(
        by_alias=True, mode="validation", schema_generator=GenerateJsonSchema
    )
    return {"$schema": GenerateJsonSchema.schema_dialect, **found}


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "schemas"))
