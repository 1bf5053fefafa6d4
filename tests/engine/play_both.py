"""Play random scenarios with the real CLI and with our engine, a process for each: `KIT ROOT SEED`.

Prints one line of JSON: {"seed", "verdict": "same" | "differs" | "flickers", "diff"}. A scenario whose recordings with
the CLI (several, where we differ) are not equal is one that chance decides, so it says nothing of us. What the
Automation API asks after an operation, three processes of the CLI each time, is answered here: the state holds it all.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from random_scenarios import Author, Json

HISTORY = {
    "kind": "update",
    "startTime": "2026-01-01T00:00:00.000000Z",
    "endTime": "2026-01-01T00:00:00.000000Z",
    "message": "",
    "environment": {},
    "config": {},
    "result": "succeeded",
    "resourceChanges": {},
    "version": 0,
}
AGAIN = 4
ASKED_AFTER = {"up": ["output", "output", "history"], "refresh": ["history"], "destroy": ["history"]}


def thrifty(base: type[Any]) -> type[Any]:
    """Return a command that answers what the SDK asks after an operation by itself."""

    class Thrifty(base):  # type: ignore[misc]
        expected: list[str] = []  # noqa: RUF012

        def run(self, args: list[str], cwd: str, env: dict[str, str], *callbacks: Any, **named: Any) -> Any:
            words = [word for word in args if word != "--non-interactive"]
            if self.expected and words[0] == "stack" and words[1] == self.expected[0]:
                from pulumi.automation import CommandResult

                text = json.dumps([HISTORY]) if self.expected.pop(0) == "history" else "{}"
                return CommandResult(text, "", 0)
            self.expected = []
            result = super().run(args, cwd, env, *callbacks, **named)
            self.expected = list(ASKED_AFTER.get(words[0], ()))
            return result

    return Thrifty


class Player:
    """Plays with the kit's own runner."""

    def __init__(self, kit: str, root: str) -> None:
        sys.path.insert(0, kit)
        import normal  # type: ignore[import-not-found]
        import run  # type: ignore[import-not-found]

        self.run, self.normal, self.root = run, normal, root
        plain = run.World.drift

        def drift(world: Any, changes: Json) -> None:
            plain(world, {found: change for name, change in changes.items() if (found := _newest(world, name))})

        run.World.drift = drift

    def play(self, scenario: Json, engine: str) -> str:
        """Return what happened, without what need not agree."""
        if engine == "real":
            command, options = thrifty(self.run.RealCommand)(root=self.root), {"root": self.root, "command": None}
        else:
            from cellctl_sandbox.engine.command import EmbeddedCommand

            command = thrifty(EmbeddedCommand)(plugins={"conf"})
            options = {"root": None, "command": "cellctl_sandbox.conformance:command"}
        self.run.make_command = lambda _: command
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{scenario['name']}.json"
            path.write_text(json.dumps(scenario))
            got = self.run.play(str(path), argparse.Namespace(verbose=False, keep=False, **options))
        return str(self.run.dump(self.normal.Relax(scenario).steps(got))) + "\n"

    def judge(self, scenario: Json) -> tuple[str, str]:
        """Return the verdict, and the difference."""
        real, ours = self.play(scenario, "real"), self.play(scenario, "ours")
        if real == ours:
            return "same", ""
        for _ in range(AGAIN):
            if self.play(scenario, "real") != real:
                return "flickers", ""
        lines = list(difflib.unified_diff(real.splitlines(), ours.splitlines(), "real", "ours", lineterm="", n=4))
        return "differs", "\n".join(self.run.where(real, lines[:80]))


def _newest(world: Any, name: str) -> str:
    """Return the id that a drift is about; empty if there is no such object."""
    folder = Path(world.path("cloud"))
    if not name.startswith("~"):
        return name
    found = sorted(folder.glob(f"{name[1:]}-*.json"), key=lambda file: int(file.stem.rpartition("-")[2]))
    return found[-1].stem if found else ""


def main() -> None:
    """Play one scenario."""
    kit, root, seed = sys.argv[1:]
    scenario = Author(int(seed)).scenario()
    try:
        verdict, diff = Player(kit, root).judge(scenario)
    except Exception as error:  # a scenario that the runner cannot play
        verdict, diff = "broken", repr(error)
    sys.stdout.write(json.dumps({"seed": int(seed), "verdict": verdict, "diff": diff}) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
