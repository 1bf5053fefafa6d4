"""What `cellctl --help` and shell completion cost, beside a Typer app with as many empty commands."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import Cost, Figure, cheapest, cost

HEAVY = ("pulumi", "pydantic", "sqlalchemy", "httpx")
_OURS = "from cellctl.cli import main\nmain()\n"
_COMPLETE = {"_CELLCTL_COMPLETE": "complete_bash", "COMP_WORDS": "cellctl pre", "COMP_CWORD": "1"}


def figures(folder: Path, runs: int) -> list[Figure]:
    """Measure help and completion."""
    folder.mkdir(parents=True)
    ours, empty = folder / "cellctl", folder / "bare" / "cellctl"
    empty.parent.mkdir()
    ours.write_text(_OURS)
    empty.write_text(_bare())
    return [
        _figure("`cellctl --help`", (ours, empty), runs, ("--help",), {}),
        _figure("shell completion", (ours, empty), runs, (), _COMPLETE),
        _loaded(ours),
    ]


def _figure(
    name: str, programs: tuple[Path, Path], runs: int, words: tuple[str, ...], variables: Mapping[str, str]
) -> Figure:
    def measured(program: Path) -> Cost:
        return cheapest(runs, lambda: cost(str(program), *words, environment=dict(variables)))

    mine, bare = map(measured, programs)
    return Figure(
        name=f"{name}: CPU against an empty Typer app",
        value=mine.cpu_s / bare.cpu_s,
        target=1.5,
        unit="x",
        detail=f"{mine.cpu_s:.2f} s against {bare.cpu_s:.2f} s",
    )


def _loaded(ours: Path) -> Figure:
    """Count heavy modules that help or completion import."""
    found: set[str] = set()
    for words, variables in ((("--help",), {}), ((), _COMPLETE)):
        printed = cost("-X", "importtime", str(ours), *words, environment=variables).printed
        names = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in printed.splitlines() if "|" in line}
        found |= names & set(HEAVY)
    return Figure(
        name="help and completion: heavy modules loaded",
        value=len(found),
        target=0,
        unit="",
        detail=f"of {', '.join(HEAVY)}" + (f": {', '.join(sorted(found))}" if found else ""),
    )


def _bare() -> str:
    """Return a Typer app with the names of our commands and nothing behind them."""
    import typer
    from typer.main import get_command

    from cellctl.cli.app import app
    from cellctl.cli.groups import Root

    lines = ["import typer", "app = typer.Typer(name='cellctl')"]
    root = get_command(app)
    assert isinstance(root, Root)
    context = typer.Context(root)
    for name in root.list_commands(context):
        inner = getattr(root.get_command(context, name), "commands", {})
        if inner:
            lines.append(f"{name} = typer.Typer()\napp.add_typer({name}, name={name!r})")
        parent = name if inner else "app"
        for word in inner or (name,):
            lines.append(f"@{parent}.command({word!r})\ndef {parent}_{word.replace('-', '_')}() -> None:\n    pass")
    return "\n".join([*lines, "app()", ""])


if __name__ == "__main__":
    sys.stdout.write(_bare())
