"""A `pulumi` that does what a test says and records how it was called: argv, environment, folder and order."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cellctl.state.values import Value

_LAUNCHER = """#!{python} -E
import sys
sys.path[:0] = {paths!r}
from cellctl.testing.fake_cli_process import main
main({folder!r})
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One process of the fake. `words` are its arguments without options; `signals` how often SIGINT came."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    cwd: str
    pid: int
    group: int
    files: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """The arguments that are no options."""
        return [word for word in self.argv if not word.startswith("-")]


class FakeCli:
    """Installs the fake into `folder`; what is not said answers with success and no output."""

    def __init__(self, folder: Path, *, version: str = "v3.260.0") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._plan: dict[str, dict[str, Value]] = {"version": {"stdout": version}}
        launcher = folder / "pulumi"
        paths = [entry for entry in sys.path if entry]
        launcher.write_text(_LAUNCHER.format(python=sys.executable, paths=paths, folder=str(folder)))
        launcher.chmod(0o755)
        self._save()

    def plays(
        self,
        command: str,
        *,
        code: int = 0,
        stdout: str = "",
        stderr: str = "",
        events: Sequence[str] = (),
        sleep_s: float = 0.0,
        sigints: int = 1,
    ) -> None:
        """Say what the commands that begin with these words do.

        Args:
            command: Words, for example `stack export`.
            code: Exit code.
            stdout: Printed at the end.
            stderr: Printed at the end.
            events: Lines of JSON, sent to the `--event-log` at once.
            sleep_s: How long it works.
            sigints: After how many SIGINT it ends early, with code 1; 0 for never.
        """
        self._plan[command] = {
            "code": code,
            "stdout": stdout,
            "stderr": stderr,
            "events": list(events),
            "sleep_s": sleep_s,
            "sigints": sigints,
        }
        self._save()

    def calls(self) -> list[Call]:
        """Return every call so far, in order."""
        file = self.folder / "calls.jsonl"
        rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [Call(**{**row, "argv": tuple(row["argv"]), "files": tuple(row["files"])}) for row in rows]

    def signals(self) -> int:
        """Return how many SIGINT reached a process of the fake."""
        file = self.folder / "signals"
        return len(file.read_text()) if file.exists() else 0

    def _save(self) -> None:
        temporary = self.folder / "plan.tmp"
        temporary.write_text(json.dumps(self._plan))
        os.replace(temporary, self.folder / "plan.json")
