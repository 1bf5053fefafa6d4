"""The default cell of a cloud, brought up once for all that is asked of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))
pytest.register_assert_rewrite("wrong_programs", "real_runs", "trials")

from trials import Mutation, trial_of  # noqa: E402  its folder is known now


@pytest.fixture(scope="class")
def mutation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mutation]:
    cloud = request.cls.cloud
    with trial_of(cloud, tmp_path_factory.mktemp(cloud)) as found:
        yield found
