"""Rehearsals under another version of an SDK: a small one, built and installed from a folder, never downloaded."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from prepared.small import Small
from rich.console import Console
from typer.testing import CliRunner
from warm import client

from cellctl.cli import place
from cellctl.cli.app import app
from cellctl.errors import UsageError
from cellctl.home import Home
from cellctl.rehearsal.comparing import differences
from cellctl.rehearsal.environment import Requirement
from cellctl.rehearsal.rehearsing import NOT_CHECKED, Rehearsal, Rehearsed, rehearse
from cellctl.rehearsal.shapes import Sdk
from cellctl.run.options import RunOptions
from cellctl.spec import CellSpec
from cellctl.state.resources import ResourceState
from cellctl.views.rehearsal_text import rehearsal_json, rehearsal_text

ROOT = Path(__file__).resolve().parents[2]
UV = ROOT / ".venv-tools" / "bin"
INIT = '''
class _utilities:
    register = staticmethod(lambda **named: None)

_utilities.register(
    resource_modules="""
[
 {"pkg": "small", "mod": "index", "fqn": "pulumi_small", "classes": {"small:index:Thing": "Thing"}}
]
""",
    resource_packages="[]",
)
'''
THING = """
@pulumi.input_type
class ThingArgs:
    def __init__(__self__, *, %(arguments)s):
        pass

    @_builtins.property
    @pulumi.getter(name="maxSize")
    def max_size(self) -> int: ...

@pulumi.type_token("small:index:Thing")
class Thing(pulumi.CustomResource):
    def _internal_init(__self__, resource_name, opts=None, __props__=None):
        %(body)s
        alias_opts = pulumi.ResourceOptions(aliases=[%(aliases)s])

    @_builtins.property
    @pulumi.getter
    def address(self) -> pulumi.Output[str]: ...
"""
INPUTS = """
@pulumi.input_type
class RuleArgs:
    def __init__(__self__, *, port: pulumi.Input[int], name: Optional[pulumi.Input[str]] = None%s):
        pass
"""
WORLD = "from cellctl_sandbox.testing.small_world import open_host\n"
LARGER = """
from cellctl_sandbox.testing import small_world


def open_host(**named):
    host = small_world.open_host(**named)
    found = host.world.settings
    host.world.settings = lambda: {"things": [{**thing, "size": 7} for thing in found()["things"]]}
    return host
"""
ALIAS = 'pulumi.Alias(type_="small:index/v1:Thing")'
OLD = {
    "name": "Optional[pulumi.Input[str]] = None", "size": "pulumi.Input[Optional[_builtins.int]] = None",
    "fixed": "Optional[pulumi.Input[str]] = None", "max_size": "Optional[pulumi.Input[int]] = None",
    "rules": "Optional[pulumi.Input[Sequence[Union['RuleArgs', 'RuleArgsDict']]]] = None",
}  # fmt: skip


def files(
    arguments: Mapping[str, str], *, body: str = "pass", aliases: str = ALIAS, rule: str = "", world: str = WORLD
) -> dict[str, str]:
    given = ", ".join(f"{name}: {kind}" for name, kind in arguments.items())
    thing = THING % {"arguments": given, "body": body, "aliases": aliases}
    return {"__init__.py": INIT, "thing.py": thing, "_inputs.py": INPUTS % rule, "world.py": world}


BEFORE = files(OLD, body="if max_size is None:\n            max_size = 10")
AFTER = files(
    {"zone": "pulumi.Input[str]", **{name: kind for name, kind in OLD.items() if name != "fixed"}},
    body="if max_size is None:\n            max_size = 20",
    aliases="", rule=", action: pulumi.Input[str]", world=LARGER,
)  # fmt: skip


def install(folder: Path, version: str, content: Mapping[str, str]) -> Sdk:
    for name, text in content.items():
        path = folder / "pulumi_small" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / f"pulumi_small-{version}.dist-info").mkdir()
    return Sdk(folder, "pulumi_small")


def wheel(folder: Path, version: str, content: Mapping[str, str]) -> None:
    folder.mkdir()
    about = f"pulumi_small-{version}.dist-info"
    told = {
        "METADATA": f"Metadata-Version: 2.1\nName: pulumi-small\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(folder / f"pulumi_small-{version}-py3-none-any.whl", "w") as archive:
        for name, text in content.items():
            archive.writestr(f"pulumi_small/{name}", text)
        for name, text in told.items():
            archive.writestr(f"{about}/{name}", text)


@pytest.fixture
def sdks(tmp_path: Path) -> tuple[Sdk, Sdk]:
    return install(tmp_path / "now", "1.0.0", BEFORE), install(tmp_path / "other", "2.0.0", AFTER)


def said(sdks: tuple[Sdk, Sdk], type_: str = "small:index:Thing", **inputs: object) -> set[tuple[str, str]]:
    row = ResourceState(urn="urn:x", type=type_, custom=True, inputs=inputs)  # type: ignore[arg-type]
    return {(item.effect, item.what) for item in differences(*sdks, row, stateful=True)}


def test_only_what_a_state_holds_counts(sdks: tuple[Sdk, Sdk]) -> None:
    required = ("breaks", "zone is required")
    default = ("changes", "maxSize: its default 10 becomes 20")
    assert said(sdks, name="a", size=1) == {required, default}
    assert said(sdks, fixed="x", maxSize=3) == {required, ("breaks", "fixed is no argument any more")}
    filled_in = {"fixed": "x", "__defaults": ["fixed"], "maxSize": 3}
    assert said(sdks, **filled_in) == {required}
    assert said(sdks, maxSize=3, rules=[{"port": 1}, {"port": 2}]) == {
        required,
        ("breaks", "rules[].action is required"),
    }
    assert said(sdks, maxSize=3, of_nobody=1) == {required}
    assert said(sdks, "small:index/v1:Thing", maxSize=3) == {("replaces", "is an alias no more"), required}
    assert said(sdks, "other:index:Thing") == set()
    assert said((sdks[0], sdks[0]), fixed="x", rules=[{"port": 1}]) == set()


@pytest.mark.parametrize(
    ("token", "fqn", "aliases", "told"),
    [
        ("small:index:Other", "pulumi_small", "", ("replaces", "becomes small:index:Other, without an alias")),
        ("small:index:Other", "pulumi_small", 'pulumi.Alias(type_="small:index:Thing")', None),
        (
            "small:index:Thing", "pulumi_small.more", "",
            ("breaks", "there is no class pulumi_small.Thing, it is pulumi_small.more.Thing"),
        ),
        ("small:index:New", "pulumi_small.more", "", ("breaks", "there is no class pulumi_small.Thing")),
    ],
)  # fmt: skip
def test_a_token_and_a_name_in_python_may_move(
    tmp_path: Path, token: str, fqn: str, aliases: str, told: tuple[str, str] | None
) -> None:
    now = install(tmp_path / "now", "1.0.0", BEFORE)
    moved = files(OLD, body="if max_size is None:\n            max_size = 10", aliases=aliases)
    listed = INIT.replace('"small:index:Thing": ', f'"{token}": ').replace('"fqn": "pulumi_small"', f'"fqn": "{fqn}"')
    other = install(tmp_path / "other", "2.0.0", {**moved, "__init__.py": listed})
    assert said((now, other), name="a") == ({told} if told else set())


def test_a_fleet_is_rehearsed_in_an_environment_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = tmp_path / "now"
    install(now, "1.0.0", BEFORE)
    monkeypatch.syspath_prepend(str(now))
    wheel(tmp_path / "wheels", "2.0.0", AFTER)
    small = Small(tmp_path / "home")
    small.up()
    written = small.cell.spec
    assert written is not None
    small.home.write_cell(written)
    state = small.home.stack_file("acme").read_bytes()
    index = {"PATH": str(UV), "UV_FIND_LINKS": str(tmp_path / "wheels"), "UV_NO_INDEX": "1", "UV_OFFLINE": "1"}
    options = RunOptions(engine="pulumi_small.world:open_host", start=client.operation, environment=index)
    path = [entry for entry in sys.path if entry]
    with pytest.raises(UsageError, match=r"pulumi-small==3.0.0 cannot be installed") as refused:
        rehearse(small.home, ["acme"], [Requirement.of("pulumi-small==3.0.0")], options=options)
    assert refused.value.code == "not_installed"
    small.home.write_cell(CellSpec.minimal("bert", cloud="aws", account="sandbox", region="eu-west-1"))
    found = rehearse(
        small.home, ["acme", "bert"], [Requirement.of("pulumi-small==2.0.0")], options=replace(options, start=None)
    )
    assert (dict(found.now), dict(found.other)) == ({"pulumi_small": "1.0.0"}, {"pulumi_small": "2.0.0"})
    assert {name: str(error) for name, error in found.failed.items()} == {}
    acme, bert = found.cells
    assert (bert.uses, bert.planned) == (False, None)  # it has no state yet
    assert {(item.effect, item.what) for item in acme.differences} >= {("breaks", "fixed is no argument any more")}
    assert sorted(acme.planned or ()) == [
        "a (small:index:Thing, which holds data): stays; then update (size)",
        "b (small:index:Thing): stays; then update (size)",
    ]
    assert not found.checked
    shown = StringIO()
    Console(file=shown, width=200).print(rehearsal_text(found))
    assert shown.getvalue().startswith("provider-side differences not checked: ")
    assert json.loads(json.dumps(rehearsal_json(found)))["proof"] is False
    assert small.home.stack_file("acme").read_bytes() == state
    assert [entry for entry in sys.path if entry] == path
    monkeypatch.setattr(place, "run_options", lambda **_said: replace(options, start=None))
    _the_command(small.home)


def _the_command(home: Home) -> None:
    """Its first line without the plugins, and how it ends: 0, 3 where something would differ, 7 where a cell cannot be.

    Cell `bert` has no state, `acme` would differ, and of `zoe` nobody can read the state.
    """
    labels = {"tier": "x"}
    for name in ("bert", "zoe"):
        spec = CellSpec.minimal(name, cloud="aws", account="sandbox", region="eu-west-1")
        home.cell_file(name).unlink(missing_ok=True)
        home.write_cell(spec.model_copy(update={"metadata": spec.metadata.model_copy(update={"labels": labels})}))

    def run(*words: str) -> tuple[int, str]:
        given = ["rehearse", *words, "--with", "pulumi-small==2.0.0", "--home", str(home.root)]
        done = CliRunner().invoke(app, given, env={"COLUMNS": "200"})
        return done.exit_code, done.output

    code, shown = run("acme")
    assert code == 3
    assert shown.startswith(f"{NOT_CHECKED}: ")
    assert "fixed is no argument any more" in shown
    assert run("--select", "tier=x")[0] == 0
    home.stack_file("zoe").write_text("{")
    code, shown = run("--select", "tier=x", "--format", "json")
    assert code == 7
    told = json.loads(shown)
    assert ([cell["cell"] for cell in told["cells"]], [cell["cell"] for cell in told["failed"]]) == (["bert"], ["zoe"])
    assert told["note"].startswith(NOT_CHECKED)
    assert told["proof"] is False


def test_only_what_the_other_plugins_have_judged_is_called_checked() -> None:
    judged = Rehearsed(cell="acme", planned=(), with_plugin=True)
    alone = Rehearsed(cell="bert", uses=False)
    for cells, proof in (([judged, alone], True), ([judged, replace(judged, with_plugin=False)], False), ([], False)):
        found = Rehearsal(now={}, other={"pulumi_small": "2.0.0"}, cells=cells, failed={})
        told = rehearsal_json(found)
        assert told["proof"] is proof
        assert str(told["note"]).startswith(NOT_CHECKED) is not proof
    failed = Rehearsal(now={}, other={}, cells=[judged], failed={"zoe": UsageError("gone")})
    assert not failed.checked


@pytest.mark.parametrize("text", ["pulumi-aws", "requests==2.0", "pulumi-aws==7; rm", "pulumi-aws==-x", "==1"])
def test_only_an_sdk_at_a_version_is_taken(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        Requirement.of(text)
    assert refused.value.code == "bad_requirement"


def test_the_real_sdks_are_read_as_they_are() -> None:
    folder = next(path for path in map(Path, sys.path) if (path / "pulumi_aws").is_dir())
    aws, azure = Sdk(folder, "pulumi_aws"), Sdk(folder, "pulumi_azure_native")
    bucket, server = aws.shape("aws:s3/bucket:Bucket"), azure.shape("azure-native:sql:Server")
    assert bucket is not None
    assert server is not None
    assert server.arguments["resourceGroupName"].required
    assert not server.arguments["administratorLogin"].required
    assert "azure-native:sql/v20230801:Server" in server.aliases
    assert azure.shape("azure-native:sql/v20230801:Server") == server
    assert "type" in server.nested["ResourceIdentityArgs"]
    assert bucket.arguments["forceDestroy"].type == "bool"
    assert "arn" in bucket.outputs
    assert (aws.package, azure.package) == ("aws", "azure-native")
