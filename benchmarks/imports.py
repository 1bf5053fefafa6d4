"""Imports the SDK modules that a program uses and nothing else, and prints its memory: `FILE-OF-MODULE-NAMES`.

The SDKs load a class's module when it is first used, so that importing the packages alone would load next to nothing.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

from benchmarks.memory import memory_of


def main(names: list[str]) -> None:
    """Import and print."""
    for name in names:
        importlib.import_module(name)
    sys.stdout.write(json.dumps(memory_of(os.getpid())) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).read_text().split())
