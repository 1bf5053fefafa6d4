"""The conformance kit against the embedded engine: every scenario passes.

The kit is found by CELLCTL_CONFORMANCE, else beside the repository; a bare clone skips this and runs tests/engine.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KIT = Path(os.environ.get("CELLCTL_CONFORMANCE") or ROOT.parent / "shared" / "conformance")
pytestmark = pytest.mark.needs("conformance")


QUIET_S = 300  # a scenario is a few seconds of CPU; a machine may be busy, but not so that nothing at all ends


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Play every scenario once; the whole output. The time limit is one for progress, not for the whole."""
    told = tmp_path_factory.mktemp("kit") / "told"
    argv = [sys.executable, str(Path(__file__).with_name("player.py")), str(KIT / "run.py"), "2"]
    with told.open("w") as file, subprocess.Popen(argv, cwd=ROOT, stdout=file) as running:
        before = -1
        while running.poll() is None:
            try:
                running.wait(QUIET_S)
            except subprocess.TimeoutExpired:
                now = told.stat().st_size
                if now == before:
                    running.kill()
                before = now
    return told.read_text()


def test_every_scenario_passes(played):
    verdicts = dict(reversed(pair) for pair in re.findall(r"^(PASS|FAIL|SKIP) +(\S+)$", played, re.M))
    assert len(verdicts) >= 73
    failed = {name for name, verdict in verdicts.items() if verdict != "PASS"}
    told = re.findall(rf"^FAIL +(?:{'|'.join(failed) or '-'})$.*?(?=^[A-Z]{{4}} )", played, re.M | re.S)
    assert not failed, "\n".join(told)
