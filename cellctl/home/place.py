"""The home as a folder: where it is, what lies where in it, and how it is made."""

from __future__ import annotations

import functools
import getpass
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.errors import Problem, SpecError, UsageError
from cellctl.home.accounts import Account, HomeFile
from cellctl.home.records import CellRecord, Records, Run, RunRecord, new_run_id

if TYPE_CHECKING:
    from cellctl.spec import CellSpec
    from cellctl.spec.account import AccountSpec
    from cellctl.spec.reef import ReefSpec

FILE = "cellctl.yaml"
PRIVATE = ".cellctl"
_PROJECT = "octopus-cells"


class Home:
    """A home. Making one touches nothing; `prepare` makes folders, `write_file` makes `cellctl.yaml`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def find(cls, *, home: Path | None = None, environment: str = "", start: Path | None = None) -> Home:
        """Return the home.

        Args:
            home: What `--home` says.
            environment: Value of CELLCTL_HOME; the library reads no environment.
            start: Where to look from; the working directory by default.

        Order: `home`, `environment`, the nearest parent of `start` with a cellctl.yaml, `start` itself.

        Raises:
            UsageError: `home` or `environment` names something that is not a folder.
        """
        for named, origin in ((home, "--home"), (Path(environment) if environment else None, "CELLCTL_HOME")):
            if named is not None:
                return cls(_folder(named, origin))
        here = (start or Path.cwd()).absolute()
        return cls(next((folder for folder in (here, *here.parents) if (folder / FILE).is_file()), here))

    @property
    def file(self) -> Path:
        """`cellctl.yaml`."""
        return self.root / FILE

    @property
    def cells_folder(self) -> Path:
        """Folder of cell files."""
        return self.root / "cells"

    @property
    def private(self) -> Path:
        """`.cellctl`: everything that is not meant for people or for git."""
        return self.root / PRIVATE

    @property
    def state(self) -> Path:
        """Pulumi's file backend."""
        return self.private / "state"

    @property
    def database(self) -> Path:
        """`cellctl.db`: leases, incarnations, runs."""
        return self.private / "cellctl.db"

    @property
    def registry_file(self) -> Path:
        """`registry.db`: the registry, unless `cellctl.yaml` names another."""
        return self.private / "registry.db"

    @property
    def sandbox_database(self) -> Path:
        """`sandbox.db`: the simulated clouds."""
        return self.private / "sandbox.db"

    @property
    def pulumi(self) -> Path:
        """Work folders and keys of the engine."""
        return self.private / "pulumi"

    @property
    def runs_folder(self) -> Path:
        """One folder for each run."""
        return self.private / "runs"

    @property
    def reefs_folder(self) -> Path:
        """Folder of reef files."""
        return self.root / "reefs"

    def reef_file(self, name: str) -> Path:
        """Return where the file of reef `name` is, or would be."""
        return self.reefs_folder / f"{name}.yaml"

    def cell_file(self, name: str) -> Path:
        """Return where the file of cell `name` is, or would be."""
        return self.cells_folder / f"{name}.yaml"

    def stack_file(self, name: str) -> Path:
        """Return where the file backend keeps the stack of cell `name`."""
        return self.state / ".pulumi" / "stacks" / _PROJECT / f"cell-{name}.json"

    def cell_names(self) -> list[str]:
        """Return the names that have a cell file, sorted; nothing is parsed."""
        with _no_access(self.cells_folder):
            return sorted(path.stem for path in self.cells_folder.glob("*.yaml")) if self.cells_folder.is_dir() else []

    def reef_names(self) -> list[str]:
        """Return the names that have a reef file or a reef's stack in this home's own state, sorted."""
        files = self.reefs_folder.glob("*.yaml") if self.reefs_folder.is_dir() else ()
        stacks = self.stack_file("x").parent.glob("reef-*.json")
        return sorted({*(file.stem for file in files), *(stack.stem.removeprefix("reef-") for stack in stacks)})

    def stack_names(self) -> list[str]:
        """Return the names of cells that have a stack in this home's own state, sorted."""
        folder = self.stack_file("x").parent
        return sorted(path.stem.removeprefix("cell-") for path in folder.glob("cell-*.json")) if folder.is_dir() else []

    def all_stacks(self) -> list[str]:
        """Return the names of all stacks in this home's own state, sorted: `acme`, `reef/r1`, `account/prod`."""
        folder = self.stack_file("x").parent
        found = (path.stem.partition("-") for path in folder.glob("*-*.json")) if folder.is_dir() else ()
        return sorted(name if level == "cell" else f"{level}/{name}" for level, _, name in found)

    @functools.cached_property
    def settings(self) -> HomeFile:
        """What `cellctl.yaml` says; without one, the sandbox alone.

        Raises:
            SpecError: The file is wrong; every problem is listed.
        """
        if not os.path.lexists(self.file):
            return HomeFile()
        from cellctl.home.file import load_home

        return load_home(self.file)

    def account(self, name: str) -> Account:
        """Return an account of this home; UsageError where cellctl.yaml does not name it."""
        return self.settings.account(name)

    def check(self, spec: CellSpec | ReefSpec | AccountSpec, *, file: Path | None = None) -> None:
        """Refuse a spec whose account, cloud and region do not fit `cellctl.yaml`.

        Raises:
            SpecError: With the places of `file` if it is given.
        """
        body = spec.spec
        problems = self.settings.check(account=body.account, cloud=body.cloud, region=body.region)
        if problems:
            from cellctl.spec import located

            error = SpecError(problems)
            raise located(error, file) if file is not None else error

    def prepare(self) -> None:
        """Make `.cellctl` and its folders: 0700, ignored by git. Does nothing where they are.

        Raises:
            UsageError: No write access (code `no_write_access`).
        """
        with _no_access(self.root):
            self.private.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.private.chmod(0o700)
            for folder in (self.state, self.runs_folder, self.pulumi):
                folder.mkdir(mode=0o700, exist_ok=True)
            ignore = self.private / ".gitignore"
            if not ignore.exists():
                ignore.write_text("# What cellctl keeps for itself; never commit it.\n*\n", encoding="utf-8")
            if not os.access(self.private, os.W_OK | os.X_OK):
                raise PermissionError(13, "no write access", str(self.private))

    def write_file(self) -> bool:
        """Write a `cellctl.yaml` that names the sandbox alone, if there is none; tell whether it was written."""
        from cellctl.home.file import HOME_TEXT

        self.prepare()
        with _no_access(self.root):
            if os.path.lexists(self.file):
                return False
            self.file.write_text(HOME_TEXT, encoding="utf-8")
            self.write_schemas()
            return True

    def write_schemas(self) -> None:
        """Put the JSON schemas into `.cellctl/schemas`, where generated files point editors."""
        from cellctl.spec.schema import SCHEMAS, schema_text

        folder = self.private / "schemas"
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in SCHEMAS:
            (folder / name).write_text(schema_text(name), encoding="utf-8")

    def write_cell(self, spec: CellSpec) -> Path:
        """Write the file of a new cell, with every field shown, and return its path.

        Raises:
            UsageError: There is a file already, or no write access.
        """
        from cellctl.spec import dump

        name = spec.metadata.name
        return self._write_spec(self.cell_file(name), dump(spec), again=f"cellctl up {name}")

    def write_reef(self, reef: ReefSpec) -> Path:
        """Write the file of a new reef; otherwise as `write_cell`."""
        from cellctl.spec.reef_file import dump_reef

        name = reef.metadata.name
        return self._write_spec(self.reef_file(name), dump_reef(reef), again=f"cellctl reef up {name}")

    def _write_spec(self, path: Path, text: str, *, again: str) -> Path:
        self.prepare()
        with _no_access(path.parent):
            path.parent.mkdir(exist_ok=True)
            self.write_schemas()
            try:
                _write_new(path, text)
            except FileExistsError:
                raise UsageError(f"{path} is there already", hint=again) from None
        return path

    def incarnation(self, cell: str) -> int:
        """Return which incarnation of `cell` lives, from 1."""
        return self._records.incarnation(cell)

    def raise_incarnation(self, cell: str, *, beyond: int = 1) -> int:
        """Count up after `down --delete-data`, because clouds hold some names after deletion; return the new one."""
        self.prepare()
        return self._records.raise_incarnation(cell, beyond=beyond)

    @functools.cached_property
    def identity(self) -> str:
        """What tells this home from every other; it moves with its folder."""
        self.prepare()
        return self._records.identity()

    def begin_run(
        self, *, cell: str, operation: str, cloud: str, account: str, region: str, command: str = "", file: str = ""
    ) -> Run:
        """Record that a run begins and return its id and folder."""
        self.prepare()
        now = time.time()
        record = RunRecord(
            id=new_run_id(operation, cell, now), cell=cell, cloud=cloud, account=account, region=region,
            operation=operation, command=command, user=_user(), began=now, ended=None, result="running", file=file,
        )  # fmt: skip
        with _no_access(self.runs_folder):
            return self._records.begin(record)

    def finish_run(self, run: Run, *, result: str, outcome: Mapping[str, object]) -> None:
        """Record how a run ended; `outcome` is the JSON of its Outcome, already redacted."""
        with _no_access(run.folder):
            self._records.finish(run, result=result, outcome=outcome)

    def approval_used(self, approval: str, cell: str) -> bool:
        """Tell whether a run of this home has used a signed approval (its id) for a cell."""
        return self._records.approval_used(approval, cell)

    def use_approval(self, approval: str, cell: str, run: Run) -> None:
        """Remember which run used a signed approval for a cell."""
        self._records.use_approval(approval, cell, run)

    def took(self, account: str, steps: Iterable[tuple[str, str, float]]) -> None:
        """Remember how long actions on types took in an account: (type, action, seconds)."""
        self._records.took(account, steps)

    def usual_s(self, account: str) -> Mapping[tuple[str, str], float]:
        """Return how long an action on a type usually took in an account, as far as this home saw it often enough."""
        return self._records.usual_s(account)

    def runs(self, cell: str = "", *, limit: int = 20) -> list[RunRecord]:
        """Return the latest runs, newest first."""
        return self._records.runs(cell, limit=limit)

    def known_cells(self) -> list[CellRecord]:
        """Return every cell that was ever run from here, by name."""
        return self._records.cells()

    @property
    def _records(self) -> Records:
        return Records(self.database, self.runs_folder)


def _write_new(path: Path, text: str) -> None:
    """Write a file that must not be there, whole or not at all: another process may read it at once."""
    new = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    new.write_text(text, encoding="utf-8")
    try:
        os.link(new, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    finally:
        new.unlink()


@contextmanager
def _no_access(path: Path) -> Iterator[None]:
    """Turn what the file system refuses into one sentence."""
    try:
        yield
    except PermissionError as error:
        raise UsageError(
            f"no write access to {error.filename or path}",
            hint="run it as the folder's owner, or choose another home with --home",
            code="no_write_access",
        ) from None
    except OSError as error:
        raise UsageError(
            f"{error.filename or path}: {error.strerror or error}",
            hint="cellctl keeps its state there; make room or choose another home with --home",
            code="home_unusable",
        ) from None


def _folder(path: Path, origin: str) -> Path:
    if not path.is_dir():
        missing = "is not there" if not path.exists() else "is not a folder"
        raise UsageError(f"{origin}: {path} {missing}", hint=f"mkdir -p {path}", code="no_home")
    return path.absolute()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def problem_in(path: Path, message: str, *, field: str = "", hint: str = "") -> SpecError:
    """Return the error for one problem of a file, at the place of `field`."""
    from cellctl.spec import located

    return located(SpecError([Problem(message=message, field=field, hint=hint)]), path)
