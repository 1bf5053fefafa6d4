"""`preview --save` and `up --plan`: what was approved is applied once, and only while nothing has moved."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from prepared.home import RunningHome
from prepared.small import TWO, Small
from warm import client

from cellctl.account import Account
from cellctl.approval import Approval
from cellctl.cell import Cell
from cellctl.errors import GuardError, StaleApproval, UsageError
from cellctl.home import Home
from cellctl.manifest import Manifest, approve, manifest_of
from cellctl.plan import Outcome, Plan
from cellctl.reef import Reef
from cellctl.signing import Signer, key_text, open_signer
from cellctl.spec.reef import ReefSpec
from cellctl.views.saved_plan import approval_of, saved_plan
from cellctl_sandbox.testing.small_world import World

WIDER = [{**TWO[0], "size": 5}, TWO[1]]


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


def approved(small: Small) -> Approval:
    """Preview, save to a file's text and read it again."""
    now = time.time()
    plan = small.cell.preview(options=small.options())
    return approval_of(json.dumps(saved_plan(Approval(plan=plan, saved_at=now, expires_at=now + 3600))))


def refused(small: Small, approval: Approval) -> StaleApproval:
    before = (small.objects, World(small.root).objects())
    with pytest.raises(StaleApproval) as stale:
        small.up(approval=approval)
    assert (small.objects, World(small.root).objects()) == before
    return stale.value


def test_what_was_approved_is_applied_once(small: Small) -> None:
    first = approved(small)
    assert small.up(approval=first).result == "succeeded"
    small.declare(WIDER)
    second = approved(small)
    assert small.up(approval=second).result == "succeeded"
    for used in (first, second):
        assert "a run changed the cell since" in refused(small, used).differences[0]


def test_what_moved_since_is_named(small: Small) -> None:
    small.up()
    small.declare(WIDER)
    approval = approved(small)
    small.declare([{**TWO[0], "size": 6}, {**TWO[1], "size": 3}])
    assert refused(small, approval).differences == (
        "a: size: 1 → 5 was approved, now it is 1 → 6",
        "b (small:index:Thing): update was not approved",
    )
    small.declare(TWO)
    assert refused(small, approval).differences == (
        "a (small:index:Thing): update was approved, and is no longer to be done",
    )


def test_a_file_that_changed_and_a_cloud_that_was_changed_by_hand_are_told(small: Small) -> None:
    small.up()
    small.declare(WIDER)
    approval = approved(small)
    world = World(small.root)
    id_, (urn, body) = next((id_, item) for id_, item in world.objects().items() if item[0].endswith("::a"))
    world.put(urn, {**body, "size": 9}, id_)
    small.label(tier="gold")
    told = refused(small, approval).differences
    assert "the cell's file says something else now" in told
    assert any(line.startswith("new: a was changed by somebody else") for line in told)


def test_an_approval_ends_and_belongs_to_one_cell_and_one_version(small: Small) -> None:
    approval = approved(small)
    assert refused(small, replace(approval, expires_at=time.time())).code == "approval_expired"
    elsewhere = replace(approval, plan=replace(approval.plan, account="prod"))
    assert refused(small, elsewhere).code == "approval_elsewhere"
    older = replace(approval, plan=replace(approval.plan, versions={**approval.plan.versions, "cellctl": "0.0.9"}))
    (told,) = refused(small, older).differences
    assert told.startswith("cellctl was 0.0.9 and is ")
    assert small.up(approval=approval).result == "succeeded"


def test_an_altered_file_and_one_that_is_no_plan_are_wrong_input(small: Small) -> None:
    now = time.time()
    plan = small.cell.preview(options=small.options())
    document = saved_plan(Approval(plan=plan, saved_at=now, expires_at=now + 60))
    nicer = json.loads(json.dumps(document))
    del nicer["changes"][-1]
    with pytest.raises(UsageError, match="was altered"):
        approval_of(json.dumps(nicer))
    with pytest.raises(UsageError, match="was altered"):
        approval_of(json.dumps({**document, "operation": "down"}))
    for text in ("", "[]", "{}", "{" * 100_000, json.dumps({**document, "operation": "refresh"}), '{"changes": 1}'):
        with pytest.raises(UsageError, match="is no plan"):
            approval_of(text)
    with pytest.raises(UsageError, match="had failed"):
        approval_of(json.dumps({**document, "errored": True}))


def test_a_pipeline_applies_what_was_approved_without_a_question(
    running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    home = running_home("azure", tmp_path)

    def cellctl(*words: str) -> tuple[int, str]:
        done = client.cellctl(*words, "--clock", "stepped", "--refresh", "none", "--home", str(tmp_path), cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    home.rewrite((r"taskCap: \d+", "taskCap: 20"))
    plan = tmp_path / "plan.json"
    assert cellctl("preview", "acme", "--save", str(plan), "--expires", "2h")[0] == 0
    home.rewrite((r"taskCap: \d+", "taskCap: 30"))
    code, said = cellctl("up", "--plan", str(plan))
    assert code == 6, said
    assert "error: what was approved is not what would happen now" in said
    assert "taskCap: 10 → 20 was approved, now it is 10 → 30" in said
    assert "hint: look at `cellctl preview acme --save FILE`" in said
    home.rewrite((r"taskCap: \d+", "taskCap: 20"))
    code, said = cellctl("up", "--plan", str(plan))
    assert code == 0, said
    assert {cap for _, _, cap, _ in home.nodes()} == {20}
    assert cellctl("up", "--plan", str(tmp_path / "none.json"))[0] == 2
    assert cellctl("preview", "acme", "--save", str(plan), "--expires", "soon")[0] == 2


# ---- approved by signature
def signing(small: Small) -> tuple[Signer, Path]:
    """Name a signer in the home; return its key and the key's file."""
    signer = fresh_key(small.root)
    path = (small.root / "other.pem").rename(small.root / "approver.pem")
    text = f"apiVersion: cellctl/v1\nkind: Home\napproval: {{signers: ['{key_text(signer.public_key)}']}}\n"
    (small.root / "cellctl.yaml").write_text(text)
    small.home = Home(small.root)
    small.cell = type(small.cell)(small.cell.spec, home=small.home)
    return signer, path


def test_an_account_may_demand_a_signed_approval_and_it_is_used_once(small: Small) -> None:
    signer, _ = signing(small)
    assert small.cell.preview(options=small.options()).objections == ()
    approval = approved(small)
    manifest = approve([approval], signer, expires_at=time.time() + 3600)
    for given in ({}, {"approval": approval}, {"manifest": manifest}):
        with pytest.raises(GuardError) as missing:
            small.up(**given)
        assert [item.code for item in missing.value.objections] == ["approval_required"]
    assert small.objects == []
    small.declare(TWO, b={"fail": "no more storage"})
    ended = small.up(approval=approval, manifest=manifest)
    assert ended.result == "failed"
    small.declare(TWO)
    with pytest.raises(StaleApproval) as used:
        small.up(approval=approval, manifest=manifest)
    assert used.value.code == "approval_used"
    second = approved(small)
    assert (
        small.up(approval=second, manifest=approve([second], signer, expires_at=time.time() + 60)).result == "succeeded"
    )
    assert small.up().result == "nothing"  # there is nothing to approve


def test_an_approval_of_another_cell_or_by_a_stranger_changes_nothing(small: Small, tmp_path: Path) -> None:
    signer, _ = signing(small)
    approval = approved(small)
    other = replace(approval, plan=replace(approval.plan, cell="globex"))
    elsewhere = approve([other], signer, expires_at=time.time() + 60)
    with pytest.raises(StaleApproval) as replayed:
        small.up(approval=approval, manifest=elsewhere)
    assert replayed.value.code == "approval_elsewhere"
    manifest = approve([approval], signer, expires_at=time.time() + 60)
    signing(small)
    with pytest.raises(GuardError, match="that key is not there as a signer"):
        small.up(approval=approval, manifest=manifest)
    assert small.objects == []


def read_again(plan: Plan, **more: float) -> Approval:
    now = time.time()
    return approval_of(json.dumps(saved_plan(Approval(plan=plan, saved_at=now, expires_at=now + 3600, **more))))


def codes(call: Callable[[], object]) -> list[str]:
    with pytest.raises((GuardError, StaleApproval)) as refused:
        call()
    error = refused.value
    return [item.code for item in error.objections] if isinstance(error, GuardError) else [error.code]


@pytest.mark.parametrize("level", ["reef", "account"])
def test_reefs_and_accounts_are_brought_up_by_signature_only(small: Small, level: str) -> None:
    signer, _ = signing(small)
    handle: Reef | Account = Account("sandbox", home=small.home, cloud="aws")
    if level == "reef":
        handle = Reef(ReefSpec.minimal("r1", cloud="aws", region="eu-west-1"), home=small.home)
    with pytest.raises(GuardError) as refused:
        handle.up(ask=small.yes, options=small.options())
    (said,) = refused.value.objections
    command = {"reef": "reef up r1", "account": "account up sandbox"}[level]
    assert said.remedy.startswith(f"cellctl {command} --save plan.json, then cellctl approve plan.json --key KEY")
    assert small.objects == []
    approval = read_again(handle.preview(options=small.options()))
    manifest = approve([approval], signer, expires_at=time.time() + 60)
    assert handle.up(approval, options=small.options(manifest=manifest)).result == "succeeded"
    assert sorted(small.objects) == ["a", "b"]
    assert codes(lambda: handle.up(approval, options=small.options(manifest=manifest))) == ["approval_used"]


@pytest.mark.parametrize("level", ["cell", "reef"])
def test_a_stack_goes_by_signature_only_and_that_is_of_one_down_alone(small: Small, level: str) -> None:
    """Altered, replayed on another stack, expired, of another question, or used: nothing is removed."""
    handle: Cell | Reef = small.cell
    if level == "reef":
        handle = Reef(ReefSpec.minimal("r1", cloud="aws", region="eu-west-1"), home=small.home)
    assert handle.up(ask=small.yes, options=small.options()).result == "succeeded"
    signer, _ = signing(small)
    handle = type(handle)(handle.spec, home=small.home)  # type: ignore[arg-type]

    def down(manifest: Manifest | None, approval: Approval | None = None, **flags: bool) -> Outcome:
        options = small.options(manifest=manifest, approval=approval)
        return handle.down(ask=small.yes, options=options, **flags or {"delete_data": True})

    assert codes(lambda: down(None)) == ["approval_required"]
    looked = handle.preview_down(delete_data=True, options=small.options())
    assert [change.name for change in looked.changes if change.type == "small:index:Thing"] == ["b", "a"]
    assert {change.action for change in looked.changes} == {"delete"}
    approval = read_again(looked)
    good = approve([approval], signer, expires_at=time.time() + 60)
    other = replace(approval, plan=replace(looked, cell="globex"))
    whole = read_again(handle.preview(options=small.options()))
    for bad, plan, code in (
        (replace(good, expires_at=good.expires_at + 9), approval, "approval_altered"),
        (replace(good, key=key_text(fresh_key(small.root).public_key)), approval, "approval_altered"),
        (approve([approval], fresh_key(small.root), expires_at=time.time() + 60), approval, "approval_signer"),
        (approve([other], signer, expires_at=time.time() + 60), approval, "approval_elsewhere"),
        (approve([approval], signer, expires_at=time.time() - 1), approval, "approval_expired"),
        (approve([whole], signer, expires_at=time.time() + 60), whole, "stale_approval"),
    ):
        assert codes(lambda bad=bad, plan=plan: down(bad, plan)) == [code]
    assert codes(lambda: down(good, approval, keep_data=True)) == ["stale_approval"]
    assert sorted(small.objects) == ["a", "b"]
    assert down(good, approval).result == "succeeded"
    assert small.objects == []
    assert codes(lambda: down(good, approval)) == ["approval_used"]


def fresh_key(root: Path) -> Signer:
    path = root / "other.pem"
    path.unlink(missing_ok=True)
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    return open_signer(str(path), {})


def test_the_commands_sign_what_was_saved_and_apply_it(tmp_path: Path) -> None:
    small = Small(tmp_path)
    signer, key = signing(small)
    saved = tmp_path / "plan.json"
    saved.write_text(json.dumps(saved_plan(approved(small))))

    def cellctl(*words: str) -> tuple[int, str]:
        done = client.cellctl(*words, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    assert cellctl("approve", "--key", str(key)) == (0, f"{key_text(signer.public_key)}\n")
    code, said = cellctl("approve", "plan.json", "--key", str(key), "--out", "approval.json", "--expires", "1h")
    assert (code, "acme  2 create" in said, "1 approved with ed25519:" in said) == (0, True, True)
    assert cellctl("approve", "plan.json", "--key", str(key))[0] == 2
    assert cellctl("up", "acme", "--approval", "approval.json")[0] == 2
    text = (tmp_path / "approval.json").read_text()
    assert small.up(approval=approval_of(saved.read_text()), manifest=manifest_of(text)).result == "succeeded"
    (tmp_path / "approval.json").write_text(text.replace('"acme"', '"acmf"'))
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "acme.yaml").write_text(
        "metadata: {name: acme}\nspec: {cloud: aws, account: sandbox, region: eu-west-1}\n"
    )
    code, said = cellctl("up", "acme", "--plan", "plan.json", "--approval", "approval.json", "--clock", "stepped")
    assert (code, "the approval was altered after it was signed" in said) == (4, True)
