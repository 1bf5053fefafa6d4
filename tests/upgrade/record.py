"""Record the states of today's version, once before each tag: `python tests/upgrade/record.py` writes `states/MINOR/`.

A recorded state is never edited and never recorded again: it is what customers have. Secrets in it are made up by the
sandbox and sealed.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "processes"))

from warm import keys  # noqa: E402

from cellctl import Cell, CellSpec, Home, RunOptions, __version__  # noqa: E402
from cellctl.spec import dump  # noqa: E402

REGIONS = {"aws": "eu-west-1", "azure": "westeurope"}
STACK = Path(".cellctl", "state", ".pulumi", "stacks", "octopus-cells", "cell-acme.json")


def record(cloud: str, folder: Path) -> None:
    """Bring a cell up in the sandbox, and keep its file and its state."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        keys.give(root)
        spec = CellSpec.minimal("acme", cloud=cloud, region=REGIONS[cloud])
        outcome = Cell(spec, home=Home(root)).up(
            ask=lambda _plan, _objections: True, options=RunOptions(clock="stepped")
        )
        if outcome.result != "succeeded":
            raise SystemExit(f"{cloud}: {outcome.failures}")
        folder.mkdir(parents=True)
        (folder / "acme.yaml").write_text(dump(spec), encoding="utf-8")
        text = json.dumps(json.loads((root / STACK).read_text(encoding="utf-8")), separators=(",", ":"))
        (folder / "state.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    minor = HERE / "states" / ".".join(__version__.split(".")[:2])
    for cloud in REGIONS:
        record(cloud, minor / cloud)
