"""The house rules that no other tool checks: what an import loads, sizes, names, who may touch what."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOTS = ("cellctl", "components", "stacks", "provider", "sandbox")
HEAVY = (
    "pulumi",
    "pydantic",
    "sqlalchemy",
    "httpx",
    "boto3",
    "grpc",
    "cryptography",
    "rich.live",
    "opentelemetry",
    "asyncio",
)
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}
LONGEST_MODULE = 400
LONGEST_P90 = 40
LONGEST_CONSTRUCTOR = 60


def modules() -> Iterator[Path]:
    for root in ROOTS:
        yield from sorted((ROOT / root).rglob("*.py"))


def _loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import cellctl",
        "import cellctl.cell",
        "import cellctl.cli.app",
        "from cellctl.cli.app import app\nresult = app(['--help'], standalone_mode=False)",
        "import cellctl.cli.options as o; o.complete_cloud('a')",
    ],
    ids=["library", "cell", "cli", "help", "completion"],
)
def test_nothing_heavy_is_loaded_early(code: str) -> None:
    loaded = _loaded_after(code)
    assert sorted(name for name in HEAVY if name in loaded) == []


def test_no_operation_process_and_no_look_at_a_cell_loads_a_database() -> None:
    loaded = _loaded_after("import cellctl.engine.child, cellctl.run.up, cellctl.run.status, cellctl.doctor")
    assert sorted(name for name in ("sqlalchemy", "alembic", "psycopg") if name in loaded) == []


def test_modules_are_short() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in modules()
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_MODULE
    }
    assert long == {}


def _functions() -> Iterator[tuple[str, str, int]]:
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.name, lines


def test_functions_are_short() -> None:
    lengths = sorted(lines for _, _, lines in _functions())
    assert lengths[int(len(lengths) * 0.9)] < LONGEST_P90


def test_constructors_are_short() -> None:
    assert {
        place: lines for place, name, lines in _functions() if name == "__init__" and lines > LONGEST_CONSTRUCTOR
    } == {}


def test_no_module_is_named_after_nothing() -> None:
    assert [
        str(path) for path in modules() if path.stem in FORBIDDEN_NAMES or path.parent.name in FORBIDDEN_NAMES
    ] == []


def _uses(pattern: str, *, outside: tuple[str, ...]) -> list[str]:
    found = []
    for path in modules():
        name = str(path.relative_to(ROOT))
        if not name.startswith(outside) and re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE):
            found.append(name)
    return found


def test_only_the_cli_prints_prompts_and_reads_the_environment() -> None:
    processes = ("cellctl/testing/fake_cli_process.py", "provider/cellctl_provider/hosts/")  # programs of their own
    in_the_cloud = "components/cellctl_components/aws/watching/function.py"
    allowed = ("cellctl/cli/", "stacks/cellctl_stacks/__main__.py", *processes, in_the_cloud)
    pattern = r"^\s*print\(|\binput\(|os\.environ|os\.getenv|os\.chdir|logging\.basicConfig"
    assert _uses(pattern, outside=allowed) == []


def test_the_automation_api_is_imported_in_two_places() -> None:
    allowed = ("cellctl/engine/", "sandbox/cellctl_sandbox/engine/command/")
    assert _uses(r"^\s*(from|import) pulumi\.automation|from pulumi import automation", outside=allowed) == []


def test_nothing_reads_the_shared_folder() -> None:
    assert _uses(r"\.\./shared|shared/conformance|shared/reference", outside=()) == []


@pytest.mark.parametrize(
    "code",
    [
        "from pulumi_aws import rds\nrds.Instance('x', instance_klass='db.m6i.large', instance_class='a')",
        "from pulumi_azure_native import network\nnetwork.NatGateway('x', resource_group='y', resource_group_name='z')",
    ],
    ids=["aws", "azure"],
)
def test_mypy_sees_a_wrong_argument_to_an_sdk(code: str, tmp_path: Path) -> None:
    """The list in pyproject.toml is generated (`make docs`); this shows that being on it means being checked."""
    program = tmp_path / "program.py"
    program.write_text(code)
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(program)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "call-overload" in done.stdout or "call-arg" in done.stdout, done.stdout + done.stderr
