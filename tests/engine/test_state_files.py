"""Checkpoints, secrets and files: what a crash, a full disk or a hostile file does to them."""

import json
import os
import stat
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellctl.state import backend as backends
from cellctl.state import checkpoint as checkpoints
from cellctl.state import pending, sealing
from cellctl.state.backend import CheckpointLost, FileBackend, StackExists, StackName, StackNotFound
from cellctl.state.checkpoint import Checkpoint, CheckpointWriter
from cellctl.state.locks import Lock, LockFolder, StackLocked, provably_dead
from cellctl.state.resources import MalformedState, PendingOperation, ResourceState
from cellctl.state.sealing import KeyFile, PassphraseSealer, Vault, WrongPassphrase
from cellctl.state.values import secret

NAME = StackName(project="proj", stack="dev")
ROOT = "urn:pulumi:dev::proj::pulumi:pulumi:Stack::proj-dev"


@pytest.fixture(scope="module")
def sealer():
    return PassphraseSealer.fresh("correct horse")


def thing(name, **given):
    return ResourceState(
        urn=f"urn:pulumi:dev::proj::fake:index:Thing::{name}", type="fake:index:Thing", custom=True, **given
    )


def state(*resources, **given):
    return Checkpoint(stack=NAME.full, resources=resources, **given)


def written(sealer, checkpoint):
    return CheckpointWriter(Vault(sealer)).text(checkpoint)


def test_a_checkpoint_read_back_is_what_was_written(sealer):
    full = thing(
        "a",
        id="a-0",
        inputs={"pw": secret({"k": ["v", 1, True]}), "list": [1, None]},
        outputs={"arn": "x"},
        dependencies=("urn:x",),
        property_dependencies={"pw": ("urn:x",), "list": ()},
        custom_timeouts={"create": 300},
        init_errors=("late",),
        protect=True,
        extra={"viewOf": "urn:y"},
    )
    before = state(full, pending=(PendingOperation(resource=thing("b"), kind="creating"),))
    text = written(sealer, before)
    after = checkpoints.opened(checkpoints.parse(text), Vault(sealer))
    assert [item.to_json() for item in after.resources] == [full.to_json()]
    assert after.pending[0].kind == "creating"
    assert '"v"' not in text


def test_keys_are_in_the_order_of_the_cli(sealer):
    text = written(sealer, state(thing("a", id="a-0", inputs={"x": 1}, parent=ROOT, created="t", modified="t")))
    resource = json.loads(text)["checkpoint"]["latest"]["resources"][0]
    assert list(resource) == ["urn", "custom", "id", "type", "inputs", "parent", "created", "modified"]


def test_a_checkpoint_of_version_4_is_written_as_it_was_read(sealer):
    """The CLI writes version 4 when a resource uses what version 3 does not know."""
    resources = [
        {"urn": ROOT, "custom": False, "type": "pulumi:pulumi:Stack"},
        {**thing("a", id="a-0", parent=ROOT).to_json(), "taint": True},
        {**thing("b", id="b-0", parent=ROOT).to_json(), "replaceWith": [thing("a").urn]},
        {**thing("c", id="c-0", parent=ROOT).to_json(), "resourceHooks": {"BeforeDelete": ["h"]}},
    ]
    latest = {"manifest": {"time": "t", "magic": "m", "version": "v3.260.0"}, "resources": resources, "metadata": {}}
    document = {
        "version": 4,
        "features": ["hooks", "replaceWith", "taint"],
        "checkpoint": {"stack": NAME.full, "latest": latest},
    }
    again = json.loads(written(sealer, checkpoints.parse(json.dumps(document))))
    assert (again["version"], again["features"]) == (4, document["features"])
    assert again["checkpoint"]["latest"]["resources"] == resources
    document["features"].append("telepathy")
    with pytest.raises(MalformedState, match="telepathy"):
        checkpoints.parse(json.dumps(document))


def test_an_unchanged_secret_keeps_its_ciphertext_and_equal_secrets_do_not_show(sealer):
    before = state(thing("a", inputs={"pw": secret("x")}), thing("b", inputs={"pw": secret("x")}))
    text = written(sealer, before)
    vault = Vault(sealer)
    again = CheckpointWriter(vault).text(checkpoints.opened(checkpoints.parse(text), vault))
    sealed = [item.inputs["pw"]["ciphertext"] for item in checkpoints.parse(text).resources]
    assert [item.inputs["pw"]["ciphertext"] for item in checkpoints.parse(again).resources] == sealed
    assert sealed[0] != sealed[1]


def test_a_wrong_passphrase_is_told_and_opens_nothing(sealer):
    with pytest.raises(WrongPassphrase):
        PassphraseSealer("wrong", sealer.salt)
    with pytest.raises(WrongPassphrase):
        sealer.open("v1:AAAA:AAAA")


def test_a_derived_key_is_kept_beside_the_passphrase_for_nobody_else_to_read(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(sealing, "derive_key", lambda *given: asked.append(given) or bytes(32))
    keys = KeyFile.beside(tmp_path / "key")
    assert [keys("a", b"1"), KeyFile(tmp_path / "derived")("a", b"1"), len(asked)] == [bytes(32), bytes(32), 1]
    assert (tmp_path / "derived").stat().st_mode & 0o777 == 0o600
    keys("b", b"1")
    assert len(asked) == 2  # another passphrase, another key
    for damaged in ("", "[]", '{"x": "y"}', "\N{SNOWMAN}"):
        (tmp_path / "derived").write_text(damaged)
        assert keys("a", b"1") == bytes(32)
    (tmp_path / "derived").unlink()
    (tmp_path / "derived").mkdir()
    assert keys("a", b"1") == bytes(32)
    assert len(asked) == 7


def test_the_salt_of_the_cli_is_understood():
    salt = "v1:dOUcaIMHvUc=:v1:gDJbJyQyN1iccvYc:rp7A+6ioUPBG/kJXxOfZiRjxwyNzaQ=="
    sealer = PassphraseSealer("correct horse", salt)
    assert sealer.open("v1:7LCnTLmqKiL9OaPh:HGNEQ2giQG78wM5hWUoF5CjXYexN+PpDRI8=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version":4}',
        '{"version":3,"checkpoint":{}}',
        '{"version":3,"checkpoint":{"stack":"s","latest":[1]}}',
    ],
)
def test_what_is_no_checkpoint_is_malformed(text):
    with pytest.raises(MalformedState):
        checkpoints.parse(text)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_truncated_checkpoint_is_malformed_never_something_else(data):
    text = json.dumps({"version": 3, "checkpoint": {"stack": "s", "latest": {"resources": [thing("ä").to_json()]}}})
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(MalformedState):
        checkpoints.parse(text[:cut])


def test_integrity_names_what_is_missing_twice_or_too_early():
    a, b = thing("a"), thing("b", dependencies=(thing("a").urn,))
    assert checkpoints.integrity_problem(state(a, b)) == ""
    assert "comes later" in checkpoints.integrity_problem(state(b, a))
    assert "twice" in checkpoints.integrity_problem(state(a, thing("a")))
    assert checkpoints.integrity_problem(state(a, thing("a", delete=True))) == ""
    assert "provider" in checkpoints.integrity_problem(state(a, thing("c", provider=f"{a.urn}::id")))
    assert checkpoints.integrity_problem(state(a, thing("c", provider=f"{a.urn}::id", pending_replacement=True))) == ""
    bound = thing("c", dependencies=(a.urn,), deleted_with=a.urn)
    assert checkpoints.integrity_problem(state(a, bound)) == ""
    assert "missing" in checkpoints.integrity_problem(state(bound))


# ---- files ----
def test_a_damaged_checkpoint_is_replaced_by_the_previous_one_and_that_is_told(tmp_path, sealer):
    backend = FileBackend(tmp_path)
    backend.create(NAME, written(sealer, state(thing("a"))))
    backend.write(NAME, written(sealer, state(thing("a"), thing("b"))))
    path = backend.checkpoint_path(NAME)
    path.write_bytes(path.read_bytes()[:100])

    loaded = backend.read(NAME)
    assert [item.name for item in loaded.checkpoint.resources] == ["a"]
    assert loaded.recovered is not None
    assert "the previous one was used" in str(loaded.recovered)

    backend.write(NAME, written(sealer, state(thing("c"))))
    assert backend.read(NAME).recovered is None
    previous = checkpoints.parse(path.with_name("dev.json.bak").read_text())
    assert [item.name for item in previous.resources] == ["a"]
    assert path.with_name("dev.json.damaged").stat().st_size == 100


def test_two_damaged_checkpoints_are_an_error_that_changes_nothing(tmp_path, sealer):
    backend = FileBackend(tmp_path)
    backend.create(NAME, written(sealer, state()))
    backend.write(NAME, written(sealer, state()))
    for path in (backend.checkpoint_path(NAME), backend.checkpoint_path(NAME).with_name("dev.json.bak")):
        path.write_text("{")
    with pytest.raises(CheckpointLost) as told:
        backend.read(NAME)
    assert "backups" in told.value.hint


@pytest.mark.parametrize("fault", ["write", "fsync", "rename"])
def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path, sealer, monkeypatch, fault):
    backend = FileBackend(tmp_path)
    backend.create(NAME, written(sealer, state(thing("a"))))
    full = OSError(28, "No space left on device")

    def refuse(*_args, **_given):
        raise full

    if fault == "fsync":
        monkeypatch.setattr(os, "fsync", refuse)
    elif fault == "rename":
        monkeypatch.setattr(backends.Path, "replace", refuse)
    else:
        monkeypatch.setattr(os, "fdopen", refuse)
    with pytest.raises(OSError, match="No space"):
        backend.write(NAME, written(sealer, state(thing("b"))))
    monkeypatch.undo()
    assert [item.name for item in backend.read(NAME).checkpoint.resources] == ["a"]
    assert [path.name for path in backend.checkpoint_path(NAME).parent.glob(".*.json.*.tmp")] == []


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_leaves_the_last_good_checkpoint(tmp_path, sealer):
    backend = FileBackend(tmp_path)
    backend.create(NAME, written(sealer, state(thing("a"))))
    folder = backend.checkpoint_path(NAME).parent
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(OSError, match="denied"):
            backend.write(NAME, written(sealer, state(thing("b"))))
        assert [item.name for item in backend.read(NAME).checkpoint.resources] == ["a"]
    finally:
        folder.chmod(0o700)


def test_stacks_are_created_found_renamed_and_removed(tmp_path, sealer):
    backend = FileBackend(tmp_path)
    with pytest.raises(StackNotFound):
        backend.read(NAME)
    backend.create(NAME, written(sealer, state()))
    with pytest.raises(StackExists):
        backend.create(NAME, written(sealer, state()))
    backend.add_history(NAME, {"kind": "update"}, "{}")
    other = StackName(project="proj", stack="other")
    backend.rename(NAME, other, written(sealer, state()))
    assert backend.stacks() == (other,)
    assert backend.history(other) == [{"kind": "update"}]
    backend.remove(other)
    assert backend.stacks() == ()
    assert list((tmp_path / ".pulumi" / "backups" / "proj" / "other").iterdir())


@pytest.mark.parametrize("bad", ["../up", "a/b", "", "x" * 101, "..", "a b"])
def test_a_name_that_is_no_name_reaches_no_path(tmp_path, bad):
    with pytest.raises(Exception, match="invalid stack name"):
        FileBackend(tmp_path).checkpoint_path(StackName(project="proj", stack=bad))


def test_history_is_newest_first_and_in_pages(tmp_path):
    backend = FileBackend(tmp_path)
    for number in range(5):
        backend.add_history(NAME, {"n": number}, "{}")
    assert [entry["n"] for entry in backend.history(NAME)] == [4, 3, 2, 1, 0]
    assert [entry["n"] for entry in backend.history(NAME, page_size=2, page=2)] == [2, 1]


# ---- locks and repair ----
def test_a_lock_is_exclusive_and_names_its_holder(tmp_path):
    folder = LockFolder(tmp_path / "locks")
    mine = folder.acquire()
    with pytest.raises(StackLocked) as told:
        folder.acquire()
    assert told.value.locks[0].pid == os.getpid()
    assert told.value.exit_code == 5
    folder.release(mine.key)
    folder.release(folder.acquire().key)
    assert folder.held() == ()


def test_only_a_dead_process_of_this_host_is_provably_dead():
    locks = (
        Lock(key="1", pid=10, hostname="here"),
        Lock(key="2", pid=11, hostname="here"),
        Lock(key="3", pid=10, hostname="there"),
        Lock(key="4", hostname="here"),
    )
    assert [item.key for item in provably_dead(locks, hostname="here", lives=lambda pid: pid == 11)] == ["1"]


def test_a_zombie_and_a_reused_pid_hold_no_lock():
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # ended, and not reaped: a container's first process may never
    old, new = "2001-01-01T00:00:00.123456789+01:00", "2999-01-01T00:00:00.123456Z"
    locks = (
        Lock(key="zombie", pid=child, hostname="here", timestamp=new),
        Lock(key="reused", pid=os.getpid(), hostname="here", timestamp=old),
        Lock(key="alive", pid=os.getpid(), hostname="here", timestamp=new),
        Lock(key="untimed", pid=os.getpid(), hostname="here", timestamp="yesterday"),
    )
    assert [item.key for item in provably_dead(locks, hostname="here")] == ["zombie", "reused"]
    os.waitpid(child, 0)


def test_a_pending_create_can_be_listed_cleared_or_adopted():
    half, done = thing("half", inputs={"size": 1}), thing("done", id="done-0")
    left = state(
        done,
        pending=(
            PendingOperation(resource=half, kind="creating"),
            PendingOperation(resource=thing("done"), kind="creating"),
            PendingOperation(resource=thing("u"), kind="updating"),
        ),
    )
    assert [item.resource.name for item in pending.pending_creates(left)] == ["half", "done"]
    assert [item.resource.name for item in pending.cleared(left, half.urn).pending] == ["done", "u"]
    adopted = pending.adopted(left, half.urn, id="half-0")
    assert adopted.find(half.urn).id == "half-0"
    assert adopted.find(half.urn).inputs == {"size": 1}
    assert pending.known_ids(adopted, half.urn) == {"half-0"}
    assert adopted.pending == left.pending  # until it has been read
    assert pending.adopted(adopted, half.urn, id="half-0") is adopted
    with pytest.raises(KeyError):
        pending.adopted(left, "urn:none", id="x")


@pytest.mark.parametrize("deleted_first", [False, True])
def test_an_adopted_replacement_stands_where_its_users_expect_it(deleted_first):
    old = thing("a", id="a-0", pending_replacement=deleted_first)
    user = thing("b", id="b-0", dependencies=(old.urn,))
    left = state(old, user, pending=(PendingOperation(resource=thing("a"), kind="creating"),))
    assert pending.known_ids(left, old.urn) == (frozenset() if deleted_first else {"a-0"})
    adopted = pending.adopted(left, old.urn, id="a-1")
    gone = [] if deleted_first else [("a-0", True)]
    assert [(row.id, row.delete) for row in adopted.resources] == [("a-1", False), *gone, ("b-0", False)]
    assert checkpoints.integrity_problem(adopted) == ""
