"""The exceptions of cellctl, and the exit code that each one means.

CellctlError
├── SpecError          every problem of a file, each with file, line and field      exit 2
├── UsageError         wrong arguments, unknown names, a missing tool or extra      exit 2
├── NotYet             a valid option that a later milestone brings                 exit 2
├── GuardError         objections, and the flag that would allow each               exit 4
├── Locked             somebody else may change this cell now                       exit 5
├── StaleApproval      what was approved is not what would happen now               exit 6
├── ForgeError         a forge such as GitHub refuses, or cannot be reached         exit 1
├── RegistryError      the registry cannot be reached, or refuses what breaks it    exit 1
├── Interrupted        stopped on request; says how to go on                        exit 130
└── EngineError        the engine, a program or a cloud failed                      exit 1

This module must not import anything of cellctl, and nothing heavy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command (docs/reference/exit-codes.md)."""

    OK = 0
    FAILED = 1
    WRONG_INPUT = 2
    CHANGES_PENDING = 3
    REFUSED = 4
    LOCKED = 5
    STALE = 6
    FLEET_PARTLY_FAILED = 7
    INTERRUPTED = 130


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong with an input file.

    `line` and `column` count from 1; None where the problem is an absence.
    """

    message: str
    field: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None
    hint: str = ""

    def __str__(self) -> str:
        """Return `file:line:column: field: message (hint)`."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        text = ": ".join(part for part in (place, self.field, self.message) if part)
        return f"{text} ({self.hint})" if self.hint else text


@dataclass(frozen=True, kw_only=True, slots=True)
class Objection:
    """Why a guard refuses a Plan: a stable code, a sentence, what to do, and the flag that would allow it."""

    code: str
    reason: str
    remedy: str
    flag: str = ""
    urn: str = ""


class CellctlError(Exception):
    """Base of all. `str()` is one plain sentence without secrets; `hint` says what to do next."""

    exit_code: ExitCode = ExitCode.FAILED
    code: str = "failed"

    def __init__(self, summary: str, *, hint: str = "", code: str = "", urn: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.hint = hint
        self.urn = urn
        if code:
            self.code = code


class SpecError(CellctlError):
    """A file is wrong; `problems` holds all of it, never only the first."""

    exit_code = ExitCode.WRONG_INPUT
    code = "spec_invalid"

    def __init__(self, problems: Sequence[Problem], *, hint: str = "") -> None:
        count = len(problems)
        first = str(problems[0]) if problems else "the file is not valid"
        super().__init__(first if count == 1 else f"{count} problems, the first: {first}", hint=hint)
        self.problems = tuple(problems)


class UsageError(CellctlError):
    """Wrong arguments, an unknown name, a missing tool or extra."""

    exit_code = ExitCode.WRONG_INPUT
    code = "usage"


class NotYet(UsageError):
    """Options are valid and validated, and this version cannot do them yet; `problems` names each with its place."""

    code = "not_yet"

    def __init__(
        self, summary: str, *, hint: str = "", code: str = "", urn: str = "", problems: Sequence[Problem] = ()
    ) -> None:
        super().__init__(summary, hint=hint, code=code, urn=urn)
        self.problems = tuple(problems)


class GuardError(CellctlError):
    """A Plan or an operation was refused before anything was changed."""

    exit_code = ExitCode.REFUSED
    code = "refused"

    def __init__(self, objections: Sequence[Objection], *, hint: str = "") -> None:
        first = objections[0].reason if objections else "refused"
        super().__init__(first, hint=hint or (objections[0].remedy if objections else ""))
        self.objections = tuple(objections)


class Locked(CellctlError):
    """Somebody else holds the lease or the stack's lock."""

    exit_code = ExitCode.LOCKED
    code = "locked"


class StaleApproval(CellctlError):
    """What was approved is not what would happen now; `differences` say what moved, a sentence each."""

    exit_code = ExitCode.STALE
    code = "stale_approval"

    def __init__(self, summary: str, *, hint: str = "", code: str = "", differences: Sequence[str] = ()) -> None:
        super().__init__(summary, hint=hint, code=code)
        self.differences = tuple(differences)


class ForgeError(CellctlError):
    """A forge such as GitHub refuses, or cannot be reached; cells are not touched by it."""

    code = "forge_failed"


class RegistryError(CellctlError):
    """The registry cannot be reached, or refuses what would break one of its invariants. Cells run without it."""

    code = "registry_failed"


class Interrupted(CellctlError):
    """Stopped on request, gracefully: what was begun is finished and recorded."""

    exit_code = ExitCode.INTERRUPTED
    code = "interrupted"


class EngineError(CellctlError):
    """The engine, the program or a cloud failed; `failures` has one entry for each resource that did."""

    code = "engine_failed"

    def __init__(
        self, summary: str, *, hint: str = "", code: str = "", urn: str = "", failures: Sequence[CellctlError] = ()
    ) -> None:
        super().__init__(summary, hint=hint, code=code, urn=urn)
        self.failures = tuple(failures)
