"""The conformance kit against the embedded engine: what passed once must pass, and what is refused is refused by name.

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
REFUSED = {
    "continue-on-error": "--continue-on-error",
    "hooks": "resource hooks",
    "transforms": "transforms",
}
pytestmark = pytest.mark.needs("conformance")


@pytest.fixture(scope="module")
def played():
    """Play every scenario once; the whole output."""
    argv = [sys.executable, str(KIT / "run.py"), "-j", "2", "-v", "--lines", "30"]
    argv += ["--command", "cellctl_sandbox.conformance:command"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    return done.stdout


def test_every_scenario_passes_that_is_not_of_a_refused_feature(played):
    verdicts = dict(reversed(pair) for pair in re.findall(r"^(PASS|FAIL|SKIP) +(\S+)$", played, re.M))
    assert len(verdicts) >= 73
    failed = {name for name, verdict in verdicts.items() if verdict != "PASS"}
    told = "\n".join(
        re.findall(rf"^FAIL +(?:{'|'.join(failed - set(REFUSED)) or '-'})$.*?(?=^[A-Z]{{4}} )", played, re.M | re.S)
    )
    assert failed <= set(REFUSED), told


@pytest.mark.parametrize("scenario", sorted(REFUSED))
def test_a_refused_feature_is_named(played, scenario):
    part = re.search(rf"^FAIL +{scenario}$(.*?)(?=^[A-Z]{{4}} |\Z)", played, re.M | re.S)
    assert part is None or f"the embedded engine does not support {REFUSED[scenario]}" in part[1]
