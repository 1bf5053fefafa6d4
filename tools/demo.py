"""`make demo`: a cell on AWS and one on Azure, in the sandbox, through the same code path as a real account."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "demo"
CELLCTL = ROOT / ".venv" / "bin" / "cellctl"
CELLS = (("aws", "acme"), ("azure", "globex"))

TRY_NEXT = """
What to try next. First, so that these can be typed as they stand:
  export PATH="$PWD/.venv/bin:$PATH" CELLCTL_HOME="$PWD/demo"

  cellctl status acme             # and `cellctl sandbox show`: the clouds' side
  cellctl preview acme            # after `taskCap: 20` in demo/cells/acme.yaml
  cellctl up --cloud aws initech  # stop it: Ctrl-C, kill -9; the next goes on
  cellctl sandbox fault --type 'aws:rds/*' --error quota  # then an `up` fails
  cellctl down acme               # refused, because it holds data; read why
"""


def step(title: str, *arguments: str) -> int:
    """Print the command, run it on this terminal, and return its exit code."""
    print(f"\n── {title}\n$ cellctl {' '.join(arguments)}", flush=True)
    return subprocess.run([str(CELLCTL), *arguments], cwd=ROOT, env=_environment(), check=False).returncode


def _environment() -> dict[str, str]:
    """Keep settings of the caller's shell from leading the demo elsewhere."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("CELLCTL_", "PULUMI_"))}


def main() -> int:
    """Bring both cells up and show them; return the first failing exit code."""
    began = time.monotonic()
    print("cellctl demo: one Octopus Server cell on AWS and one on Azure, in the sandbox. Nothing real is created.")
    print("Simulated clouds take simulated time: about an hour of it passes in seconds.", flush=True)
    HOME.mkdir(exist_ok=True)
    for cloud, name in CELLS:
        code = step(f"a cell on {cloud}", "up", "--cloud", cloud, name, "--home", "demo", "--yes")
        if code:
            return code
    code = step("both cells", "cells", "--home", "demo")
    print(TRY_NEXT.rstrip())
    took = time.monotonic() - began
    print(f"\nThe demo took {took:.0f} s after the installation. Again: `make demo`; away: `rm -r demo`.")
    return code


if __name__ == "__main__":
    sys.exit(main())
