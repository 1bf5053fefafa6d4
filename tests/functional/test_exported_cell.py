"""What a cell that runs leaves in the sandbox goes into one file and out of it again, whole, on both clouds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from prepared.home import RunningHome

from cellctl_sandbox.control import open_control

PASSPHRASE = "of-the-exported-cell"
MACHINES = {"aws": "aws:ec2/instance:Instance", "azure": "azure-native:compute:VirtualMachine"}


@pytest.mark.parametrize("cloud", MACHINES)
def test_the_account_of_a_running_cell_lives_on_elsewhere(
    cloud: str, tmp_path: Path, running_home: Callable[[str, Path], RunningHome]
) -> None:
    exported = json.loads(json.dumps(running_home(cloud, tmp_path / "here").control.export(PASSPHRASE)))
    (tmp_path / "there").mkdir()
    there = open_control(tmp_path / "there")
    assert there.restore(exported, passphrase=PASSPHRASE) == len(exported["tables"]["objects"]["rows"])
    again = json.loads(json.dumps(there.export(PASSPHRASE)))
    assert again["tables"] == exported["tables"]
    listed = there.show()["accounts"]
    assert isinstance(listed, list)
    assert MACHINES[cloud] in {row["type"] for account in listed for row in account["objects"]}
