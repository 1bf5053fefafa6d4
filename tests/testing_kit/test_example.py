"""The example and the guide as a stranger has them: a folder, pytest, one SDK; and what the plugin costs others."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ONE_SDK = "import sys; sys.modules['pulumi_azure_native'] = None; import pytest; sys.exit(pytest.main(sys.argv[1:]))"


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        ONE_SDK,
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "error::pytest.PytestWarning",
        *words,
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_example_and_guide_pass_with_one_sdk(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "testing_kit", tmp_path / "shop", ignore=shutil.ignore_patterns("__pycache__"))
    guide = (ROOT / "docs" / "guides" / "testing-pulumi-programs.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```python\n(.*?)```", guide, re.DOTALL | re.MULTILINE)
    (tmp_path / "shop" / "test_guide.py").write_text("\n".join(map(textwrap.dedent, blocks)))
    assert len(blocks) == 3
    done = run(tmp_path / "shop")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 passed" in done.stdout
    assert sorted(path.name for path in (tmp_path / "shop").iterdir() if path.name != "__pycache__") == [
        "test_guide.py",
        "test_web_app.py",
        "web_app.py",
    ]


def test_a_run_that_does_not_use_the_fixture_loads_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import sys\n\n\ndef test_other():\n"
        "    names = [n for n in sys.modules if n.partition('.')[0] in ('pulumi', 'cellctl', 'grpc')]\n"
        "    assert names == []\n"
        "    mine = [name for name in sys.modules if name.startswith('cellctl_')]\n"
        "    assert sorted(mine) == ['cellctl_sandbox', 'cellctl_sandbox.testing', 'cellctl_sandbox.testing.fixture']\n"
    )
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout
    without = run(tmp_path, "-p", "no:pulumi_sandbox", "--fixtures")
    assert "pulumi_sandbox" not in without.stdout
