"""The file backend: checkpoints, history, backups and locks in the layout of the Pulumi CLI's `file://` backend.

    .pulumi/meta.yaml
    .pulumi/stacks/<project>/<stack>.json and .json.bak (the one before the last write)
    .pulumi/history/<project>/<stack>/<stack>-<unix ns>.{history,checkpoint}.json
    .pulumi/backups/<project>/<stack>/<stack>.<unix ns>.json
    .pulumi/locks/organization/<project>/<stack>/<uuid>.json

Every write is atomic and durable. A checkpoint that cannot be read is replaced by the one before it, and that is told.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cellctl.errors import CellctlError, UsageError
from cellctl.state.checkpoint import Checkpoint, parse
from cellctl.state.files import DISK, Disk, Pieces, write_atomically
from cellctl.state.locks import LockFolder
from cellctl.state.resources import MalformedState
from cellctl.state.values import Struct

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_META = b"version: 1\n"


class StackNotFound(UsageError):
    """There is no stack of that name."""

    code = "stack_not_found"


class StackExists(UsageError):
    """There is a stack of that name already."""

    code = "stack_exists"


class CheckpointLost(CellctlError):
    """Neither the checkpoint nor the one before it can be read; nothing was changed."""

    code = "checkpoint_lost"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recovered:
    """A warning: `path` could not be read because of `reason`, so `used` was read instead."""

    path: Path
    used: Path
    reason: str

    def __str__(self) -> str:
        """Return one sentence."""
        return f"the checkpoint {self.path.name} is damaged ({self.reason}); the previous one was used"


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A checkpoint as read, secrets sealed; `recovered` is set where the previous one had to be used."""

    checkpoint: Checkpoint
    recovered: Recovered | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StackName:
    """Name of a stack within a backend."""

    project: str
    stack: str

    @property
    def full(self) -> str:
        """Name as checkpoints and messages spell it."""
        return f"organization/{self.project}/{self.stack}"


def checked_name(name: StackName) -> StackName:
    """Return `name` if both parts are legal.

    Raises:
        UsageError: A stack name may hold letters, digits, `-`, `_`, `.`, at most 100; so may a project's.
    """
    for part in (name.project, name.stack):
        if not _NAME.fullmatch(part) or part in (".", ".."):
            raise UsageError(
                f"invalid stack name '{part}': "
                "a stack name may only contain alphanumeric, hyphens, underscores, or periods, at most 100"
            )
    return name


class FileBackend:
    """Stacks in one folder.

    An instance belongs to one process. Writers hold the stack's lock; readers need none, for writes are atomic.
    """

    def __init__(self, root: Path, disk: Disk = DISK) -> None:
        self.root = root
        self._disk = disk
        self._state = root / ".pulumi"
        self._damaged: set[Path] = set()

    @property
    def url(self) -> str:
        """URL of this backend."""
        return f"file://{self.root}"

    def checkpoint_path(self, name: StackName) -> Path:
        """Return where the checkpoint of a stack is kept."""
        checked_name(name)
        return self._state / "stacks" / name.project / f"{name.stack}.json"

    def locks(self, name: StackName) -> LockFolder:
        """Return the locks of a stack."""
        checked_name(name)
        return LockFolder(self._state / "locks" / "organization" / name.project / name.stack)

    def stacks(self, project: str = "") -> tuple[StackName, ...]:
        """Return the names of all stacks, or of one project's, sorted."""
        found = sorted((self._state / "stacks").glob(f"{project or '*'}/*.json"))
        return tuple(StackName(project=path.parent.name, stack=path.stem) for path in found)

    def exists(self, name: StackName) -> bool:
        """Tell whether the stack is there."""
        return self.checkpoint_path(name).is_file()

    def require(self, name: StackName) -> None:
        """Raise `StackNotFound` unless the stack is there."""
        if not self.exists(name):
            raise StackNotFound(f"no stack named '{name.stack}' found")

    def read(self, name: StackName) -> Loaded:
        """Return the checkpoint; the previous one, with a warning, if it is damaged.

        Raises:
            StackNotFound: No such stack.
            CheckpointLost: Both are damaged.
        """
        self.require(name)
        path = self.checkpoint_path(name)
        try:
            return Loaded(checkpoint=parse(path.read_bytes()))
        except (MalformedState, UnicodeDecodeError) as error:
            reason = str(error)
        previous = _backup_path(path)
        try:
            checkpoint = parse(previous.read_bytes())
        except (OSError, MalformedState, UnicodeDecodeError):
            raise CheckpointLost(
                f"the checkpoint of stack '{name.stack}' is damaged ({reason}) and so is the one before it",
                hint=f"restore {path} from {self._state / 'backups'} or import an export",
            ) from None
        self._damaged.add(path)
        return Loaded(checkpoint=checkpoint, recovered=Recovered(path=path, used=previous, reason=reason))

    def create(self, name: StackName, text: str) -> None:
        """Write the first checkpoint of a new stack; raises `StackExists`."""
        if self.exists(name):
            raise StackExists(f"stack '{name.full}' already exists")
        meta = self._state / "meta.yaml"
        if not meta.exists():
            write_atomically(meta, _META)
        self.write(name, text)

    def write(self, name: StackName, text: str | Pieces) -> None:
        """Replace the checkpoint; what was there becomes `.bak`, unless it is known to be damaged.

        At every moment one complete checkpoint is in place, also if this raises OSError.
        """
        path = self.checkpoint_path(name)
        if path in self._damaged:
            _keep(path, path.with_name(path.name + ".damaged"))
            self._damaged.discard(path)
        else:
            _keep(path, _backup_path(path))
        write_atomically(path, _pieces(text), disk=self._disk)

    def tags(self, name: StackName) -> dict[str, str]:
        """Return the tags of a stack."""
        with suppress(FileNotFoundError):
            found = json.loads(self._tags(name).read_text(encoding="utf-8")).get("tags", {})
            return {str(key): str(value) for key, value in found.items()}
        return {}

    def write_tags(self, name: StackName, tags: Mapping[str, str]) -> None:
        """Replace the tags of a stack; without any there is no file."""
        if tags:
            write_atomically(self._tags(name), json.dumps({"version": 1, "tags": dict(tags)}).encode())
        else:
            self._tags(name).unlink(missing_ok=True)

    def _tags(self, name: StackName) -> Path:
        return self.checkpoint_path(name).with_suffix(".pulumi-tags")

    def remove(self, name: StackName) -> None:
        """Remove the stack with its history; a backup of the last checkpoint stays."""
        self.require(name)
        path = self.checkpoint_path(name)
        backup = self._backups(name) / f"{name.stack}.{time.time_ns()}.json"
        backup.parent.mkdir(parents=True, exist_ok=True)
        path.replace(backup)
        with suppress(FileNotFoundError):
            _backup_path(path).unlink()
        self._disk.sync_folder(path.parent)
        shutil.rmtree(self._history(name), ignore_errors=True)
        self.write_tags(name, {})

    def remove_backups(self, name: StackName) -> None:
        """Remove the backups of a stack, which need not be there any more."""
        shutil.rmtree(self._backups(checked_name(name)), ignore_errors=True)

    def _backups(self, name: StackName) -> Path:
        return self._state / "backups" / name.project / name.stack

    def rename(self, name: StackName, new: StackName, text: str) -> None:
        """Give the stack another name: `text` is its checkpoint under the new one; the history moves along."""
        self.create(new, text)
        history = self._history(name)
        if history.is_dir():
            self._history(new).parent.mkdir(parents=True, exist_ok=True)
            history.replace(self._history(new))
        self.write_tags(new, self.tags(name))
        self.remove(name)

    # ---- history ----
    def add_history(self, name: StackName, entry: Struct, checkpoint: str | Pieces) -> None:
        """Record one operation, and the checkpoint it left."""
        stem = f"{name.stack}-{time.time_ns()}"
        folder = self._history(name)
        write_atomically(folder / f"{stem}.checkpoint.json", _pieces(checkpoint))
        write_atomically(folder / f"{stem}.history.json", json.dumps(entry, separators=(",", ":")).encode())

    def history(self, name: StackName, *, page_size: int = 0, page: int = 1) -> list[Struct]:
        """Return the recorded operations, newest first; one page of them if `page_size` is given."""
        files = sorted(self._history(name).glob("*.history.json"), key=_stamp, reverse=True)
        if page_size:
            files = files[(page - 1) * page_size : page * page_size]
        entries = (json.loads(path.read_bytes()) for path in files)
        return [entry for entry in entries if isinstance(entry, dict)]

    def _history(self, name: StackName) -> Path:
        return self._state / "history" / name.project / name.stack


def _stamp(path: Path) -> int:
    digits = path.name.removesuffix(".history.json").rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0


def _pieces(text: str | Pieces) -> Pieces:
    return (text.encode(),) if isinstance(text, str) else text


def _backup_path(path: Path) -> Path:
    return path.with_name(path.name + ".bak")


def _keep(path: Path, copy: Path) -> None:
    """Make `copy` another name of the content of `path`; a link, so that neither is ever half written."""
    if not path.exists() or (copy.exists() and path.samefile(copy)):  # kept already: the write after that failed
        return
    temporary = copy.with_name(f".{copy.name}.tmp")
    with suppress(FileNotFoundError):
        temporary.unlink()
    try:
        os.link(path, temporary)
    except OSError:  # a file system without links
        write_atomically(copy, path.read_bytes())
        return
    try:
        temporary.replace(copy)
    except OSError:
        temporary.unlink()
        raise
