"""A cell that runs comes to write access logs once its account has a bucket for them; nothing else of it changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from prepared.home import RunningHome
from warm import client

from cellctl.plan import Plan

pytestmark = pytest.mark.turn(3, 1)


def changes(plan: Plan) -> list[tuple[str, str, list[str]]]:
    return [
        (one.name, str(one.action), sorted({item.path.partition(".")[0] for item in one.diff}))
        for one in plan.changes
        if one.action != "same" and one.custom
    ]


def test_they_are_switched_on_in_place(running_home: Callable[[str, Path], RunningHome], tmp_path: Path) -> None:
    home = running_home("aws", tmp_path)
    account = ("account", "up", "sandbox", "--cloud", "aws", "--region", "eu-west-1", "--yes", "--clock", "stepped")
    assert client.cellctl(*account, "--home", str(tmp_path), cwd=tmp_path).returncode == 0
    plan = home.cell.preview(options=home.options())
    assert changes(plan) == [("acme-ingress-web", "update", ["accessLogs"])]
    assert home.up().result == "succeeded"
    assert home.cell.preview(options=home.options()).empty
