"""The pytest plugin (entry-point group `pytest11`): one fixture; nothing is loaded before a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cellctl_sandbox.testing.sandbox import PulumiSandbox


@pytest.fixture
def pulumi_sandbox(tmp_path: Path) -> Iterator[PulumiSandbox]:
    """Simulated clouds and an engine for Pulumi programs, fresh for this test (docs: cellctl_sandbox.testing)."""
    from cellctl_sandbox.testing.sandbox import PulumiSandbox

    with PulumiSandbox(tmp_path / "pulumi-sandbox") as sandbox:
        yield sandbox
