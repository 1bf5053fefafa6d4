"""From two sides of a repository to a Report: find the cells, preview them, group what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

from cellctl.errors import CellctlError, GuardError, Objection, Problem, SpecError, UsageError
from cellctl.guard import MOMENTARY
from cellctl.home.accounts import SANDBOX, refuse_sandbox
from cellctl.plan import Plan
from cellctl.pull_request.changes import (
    CellFile,
    Changed,
    Changes,
    compare,
    differing_fields,
    reef_files,
    touches_all,
)
from cellctl.pull_request.escaping import WHOLE, visible
from cellctl.pull_request.grouping import Grouping
from cellctl.pull_request.report import Gone, Note, NoteLevel, Report
from cellctl.views.text import count

if TYPE_CHECKING:
    from cellctl.pull_request.repository import Repository
    from cellctl.spec import CellSpec

Previews: TypeAlias = Callable[[Sequence["CellSpec"]], Iterator[tuple[str, Plan | CellctlError]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What is compared: `base` and `head` are refs, `head` `` for the working tree.

    `files_only`: of `head` only the cell files are read, as data; code and `cellctl.yaml` are those checked out, which
    must be those of `base`. `every`: all cells, whatever differs.
    """

    base: str
    head: str = ""
    files_only: bool = False
    every: bool = False
    require_real: bool = False


def look(
    repository: Repository,
    asked: Asked,
    previews: Previews,
    *,
    on_cell: Callable[[str, int, int], None] | None = None,
) -> Report:
    """Return what a change does to every cell of a home. Nothing is changed, no code of `head` is run.

    Args:
        repository: The home's.
        asked: What is compared.
        previews: Yields each spec's name with its plan or error, in order: `cellctl.cell.preview_all`.
        on_cell: Called with name, how many are done and how many there are.

    Raises:
        UsageError: A ref is unknown, or the checkout is not the head.
        GuardError: `files_only`, and the checkout is not the base's (code `foreign_code`); or the sandbox is refused.
        Interrupted: Between two cells.
    """
    sides = _sides(repository, asked)
    changes = compare(
        repository.cell_files(sides.parted),
        repository.cell_files(sides.head) if sides.head else repository.working_files(),
        every=asked.every or bool(sides.all_because),
        reefs={PurePosixPath(path).stem for path in sides.reef_files},
    )
    found = _Found(changes=changes)
    specs = found.specs()
    for spec in specs if asked.require_real else ():
        refuse_sandbox(spec.spec.account)
    for done, (name, result) in enumerate(previews(specs), 1):
        found.take(name, result)
        if on_cell is not None:
            on_cell(name, done, len(specs))
    return found.report(sides, repository.home, sandbox=_sandbox(specs))


def alone(plan: Plan) -> Report:
    """Return the report of one cell's plan, compared with its state."""
    grouping = Grouping()
    grouping.plan(plan, plan.objections)
    return Report(
        base="", groups=grouping.groups(), failed=tuple(grouping.failed), unchanged=grouping.unchanged,
        sandbox=plan.account == SANDBOX,
    )  # fmt: skip


def _sandbox(specs: Sequence[CellSpec]) -> bool:
    return bool(specs) and all(spec.spec.account == SANDBOX for spec in specs)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sides:
    """Commits, and what of the change is not in its cell files."""

    base: str
    parted: str
    head: str
    all_because: tuple[str, ...] = ()
    reef_files: tuple[str, ...] = ()
    not_applied: tuple[str, ...] = ()


def _sides(repository: Repository, asked: Asked) -> _Sides:
    base = repository.commit(asked.base)
    if not asked.head:
        if asked.files_only:
            raise UsageError("--files-only needs --head", hint="--head COMMIT --files-only", code="no_commit")
        parted = repository.merge_base(base, repository.commit("HEAD"))
        because, reefs = _beside(repository, repository.changed_paths(parted))
        return _Sides(base=base, parted=parted, head="", all_because=because, reef_files=reefs)
    head = repository.commit(asked.head)
    parted = repository.merge_base(base, head)
    because, reefs = _beside(repository, repository.changed_paths(parted, head))
    if asked.files_only:
        _refuse_foreign(sum(_beside(repository, repository.changed_paths(base)), ()))
        return _Sides(base=base, parted=parted, head=head, not_applied=(*because, *reefs))
    other = sum(_beside(repository, repository.changed_paths(head)), ())
    if other:
        raise UsageError(
            f"what is checked out is not '{asked.head[:60]}': {other[0]} differs",
            hint="check it out, or say --files-only to preview its cell files with the code that is checked out",
            code="other_checkout",
        )
    return _Sides(base=base, parted=parted, head=head, all_because=because, reef_files=reefs)


def _beside(repository: Repository, paths: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what of a change is not in cell files and counts: what can touch every cell, and reef files."""
    return touches_all(paths, repository.home), reef_files(paths, repository.home)


def _refuse_foreign(paths: Sequence[str]) -> None:
    if paths:
        objection = Objection(
            code="foreign_code",
            reason=f"{count(len(paths), 'file')} of code or settings here are not the base's, the first: {paths[0]}",
            remedy="check out the base and fetch the head without checking it out; its cell files are read from git",
        )
        raise GuardError([objection])


@dataclass(kw_only=True)
class _Found:
    """What is known so far: groups, failures and notes at lines of files."""

    changes: Changes
    grouping: Grouping = field(default_factory=Grouping)
    notes: list[Note] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Know the changed files by name."""
        self._changed = {item.file.name: item for item in self.changes.changed}

    def specs(self) -> list[CellSpec]:
        """Return the specs to preview; files that are wrong are failures at once."""
        files = [*(item.file for item in self.changes.changed), *self.changes.others]
        for file in files:
            if file.error is not None:
                self._wrong(file, file.error)
        return [file.spec for file in files if file.spec is not None and file.error is None]

    def take(self, name: str, result: Plan | CellctlError) -> None:
        """Take one result."""
        changed = self._changed.get(name)
        if isinstance(result, CellctlError):
            self._wrong(changed.file if changed else None, result, name)
            return
        lasting = [item for item in result.objections if item.code not in MOMENTARY]  # merging is not applying
        self.grouping.plan(result, lasting)
        if changed is not None:
            self.notes.append(_note(changed, result, lasting))

    def _wrong(self, file: CellFile | None, error: CellctlError, name: str = "") -> None:
        if file is not None and file.text and isinstance(error, SpecError):
            error = SpecError(_placed(error.problems, file), hint=error.hint)
        self.grouping.error(file.name if file is not None else name, error)
        if file is not None:
            self.notes += _notes(file, error)

    def report(self, sides: _Sides, home: str, *, sandbox: bool) -> Report:
        """Return everything."""
        return Report(
            base=sides.base,
            head=sides.head,
            home=home,
            groups=self.grouping.groups(),
            gone=self.changes.gone,
            failed=tuple(self.grouping.failed),
            notes=(*self.notes, *(_gone_note(item) for item in self.changes.gone if item.kind == "renamed")),
            unchanged=self.grouping.unchanged,
            all_because=sides.all_because,
            reef_files=sides.reef_files,
            not_applied=sides.not_applied,
            sandbox=sandbox,
        )


def _placed(problems: Sequence[Problem], file: CellFile) -> Sequence[Problem]:
    from cellctl.spec.reading import placed_in

    return [item if item.line else placed_in([item], file.text, file.path)[0] for item in problems]


def _note(changed: Changed, plan: Plan, objections: Sequence[Objection]) -> Note:
    """Return what to say at the first line that a cell file has changed."""
    from cellctl.spec.reading import first_line

    file = changed.file
    line = first_line(file.text, differing_fields(changed.before, file))
    counted = [f"{number} to {action}" for action, number in plan.of_cloud().items() if number and action != "same"]
    level: NoteLevel = "notice"
    title, message = f"{plan.cell}: preview", ", ".join(counted) or "nothing in the cloud would change"
    if plan.errored or objections:
        why = "; ".join(item.reason for item in objections) or "the preview failed; the comment says why"
        level, title, message = (
            "failure",
            f"{plan.cell}: {'refused' if objections else 'no preview'}",
            visible(why, WHOLE),
        )
    elif any(item.downtime == "outage" for item in plan.changes):
        level, message = "warning", f"an outage; {message}"
    elif any(plan.of_cloud()[action] for action in ("replace", "delete")):
        level = "warning"
    return Note(file=file.path, line=line, level=level, title=title, message=message)


def _notes(file: CellFile, error: CellctlError) -> Iterable[Note]:
    problems = error.problems if isinstance(error, SpecError) else ()
    for problem in problems or (Problem(message=error.summary, hint=error.hint),):
        message = visible(": ".join(part for part in (problem.field, problem.message, problem.hint) if part), WHOLE)
        yield Note(
            file=file.path, line=problem.line or 1, level="failure", title=f"{file.name}: no preview", message=message
        )


def _gone_note(item: Gone) -> Note:
    return Note(
        file=item.file, line=1, level="failure", title=f"{item.cell} was renamed to {item.to}",
        message="a cell's name never changes: this would leave one cell and make another",
    )  # fmt: skip
