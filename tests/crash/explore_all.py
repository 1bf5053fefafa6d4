"""`make explore`: every kill point with every victim, then those of whole cells; rewrites docs/crash-safety.md.

CELLCTL_EXPLORE_S bounds each part in seconds (600), CELLCTL_CRASH_SEED chooses the order. Call it again to go on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent


def main() -> None:
    seed = os.environ.get("CELLCTL_CRASH_SEED") or str(int(time.time()) % 1000)
    seconds = os.environ.get("CELLCTL_EXPLORE_S", "600")
    place = ROOT / "build" / "crash"
    place.mkdir(parents=True, exist_ok=True)
    print(f"seed {seed}, {seconds} s for each part, journals in {place.relative_to(ROOT)}")
    journals = [place / f"{name}.jsonl" for name in ("witness", "aws", "azure")]
    parts = [
        ["explore", "--every-victim", "--inner", "--chain", "1"],
        ["cells", "--cloud", "aws", "--each"],
        ["cells", "--cloud", "azure", "--each"],
    ]
    failed = 0
    for words, journal in zip(parts, journals, strict=True):
        homes = place / f"homes-{journal.stem}"
        shutil.rmtree(homes, ignore_errors=True)
        homes.mkdir()
        told = [str(homes), *words[1:], "--seed", seed, "--seconds", seconds, "--journal", str(journal)]
        failed |= subprocess.run(
            [sys.executable, "-m", f"crashes.{words[0]}", *told], cwd=FOLDER, check=False
        ).returncode
    report = ["-m", "crashes.report", str(ROOT / "docs" / "crash-safety.md"), *map(str, journals), "--seed", seed]
    subprocess.run([sys.executable, *report], cwd=FOLDER, check=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
