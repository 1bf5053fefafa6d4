"""Random programs and operations with the real CLI and with our engine: steps, calls, checkpoints and ends agree.

Needs `pulumi` and the conformance kit, whose provider and runner play the scenarios. A seed that differed is played
again by `python tests/engine/play_both.py KIT ROOT SEED`, where ROOT/bin/pulumi is the CLI.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
KIT = os.environ.get("CELLCTL_CONFORMANCE") or str(HERE.parents[2] / "shared" / "conformance")
pytestmark = [pytest.mark.needs("pulumi"), pytest.mark.needs("conformance")]
SAMPLE = (16, 18, 22)
EXPLORED = 20  # seeds, others each day


def difference(seed: int) -> str:
    """Return how one scenario differed; empty if it did not, or if it differs from one run of the CLI to the next."""
    pulumi = shutil.which("pulumi")
    assert pulumi is not None
    root = str(Path(pulumi).parent.parent)
    argv = [sys.executable, str(HERE / "play_both.py"), KIT, root, str(seed)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr[-2000:]
    played = json.loads(done.stdout.splitlines()[-1])
    assert played["verdict"] != "broken", played["diff"]
    return f"seed {seed}:\n{played['diff']}" if played["verdict"] == "differs" else ""


@pytest.mark.parametrize("seed", SAMPLE)
def test_a_random_scenario_goes_as_with_the_cli(seed: int) -> None:
    assert difference(seed) == ""


@pytest.mark.explore
def test_random_scenarios_go_as_with_the_cli() -> None:
    first = int(time.strftime("%Y%m%d")) * 10_000
    found = [text for seed in range(first, first + EXPLORED) if (text := difference(seed))]
    assert not found, "\n\n".join(found)
