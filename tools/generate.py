"""Write everything that is generated: schemas, references, the sandbox's matrix. `--check` only says what is stale."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _cell_schema() -> str:
    from cellctl.spec.schema import cell_schema

    return json.dumps(cell_schema(), indent=2) + "\n"


def _home_schema() -> str:
    from cellctl.spec.schema import home_schema

    return json.dumps(home_schema(), indent=2) + "\n"


def _cell_file() -> str:
    from cellctl.spec.reference import cell_file_reference

    return cell_file_reference()


def _commands() -> str:
    from cellctl.cli.reference import command_reference

    return command_reference()


def _pyproject() -> str:
    from sdk_modules import pyproject_text, used_modules

    return pyproject_text(used_modules())


GENERATED: dict[str, Callable[[], str]] = {
    "schemas/cell-v1.json": _cell_schema,
    "schemas/home-v1.json": _home_schema,
    "docs/reference/cell-file.md": _cell_file,
    "docs/reference/commands.md": _commands,
    "pyproject.toml": _pyproject,
}


def main() -> int:
    """Generate, or with --check compare; return how many files are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = 0
    for name, make in GENERATED.items():
        path, text = ROOT / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if check:
            print(f"stale: {name} (run `python tools/generate.py`)", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    return stale if check else 0


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
