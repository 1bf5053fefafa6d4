"""The sandbox's key: many threads that need it first at once agree on one, and nothing of their drafts stays."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cellctl_sandbox.clouds.database import Sealer


def test_threads_that_come_first_at_once_agree_on_one_key(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    interval = sys.getswitchinterval()
    request.addfinalizer(lambda: sys.setswitchinterval(interval))
    sys.setswitchinterval(1e-6)
    with ThreadPoolExecutor(16) as pool:
        for number in range(30):
            path = tmp_path / f"{number}.key"
            found = set(pool.map(lambda purpose, path=path: Sealer(path).derive(purpose), ["same"] * 16))
            assert len(found) == 1
            assert path.stat().st_mode & 0o777 == 0o600
    assert len(list(tmp_path.iterdir())) == 30
