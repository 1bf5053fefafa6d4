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


@pytest.fixture(scope="module")
def played():
    """Play every scenario once; the whole output."""
    argv = [sys.executable, str(KIT / "run.py"), "-j", "2", "-v", "--lines", "30"]
    argv += ["--command", "cellctl_sandbox.conformance:command"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    return done.stdout


def test_every_scenario_passes(played):
    verdicts = dict(reversed(pair) for pair in re.findall(r"^(PASS|FAIL|SKIP) +(\S+)$", played, re.M))
    assert len(verdicts) >= 73
    failed = {name for name, verdict in verdicts.items() if verdict != "PASS"}
    told = re.findall(rf"^FAIL +(?:{'|'.join(failed) or '-'})$.*?(?=^[A-Z]{{4}} )", played, re.M | re.S)
    assert not failed, "\n".join(told)
