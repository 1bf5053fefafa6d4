"""Which home and which cell a command is about, and what the environment says of it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.errors import UsageError

if TYPE_CHECKING:
    from cellctl.approval import Approval
    from cellctl.cell import Cell
    from cellctl.cli.options import EngineName, RefreshScope
    from cellctl.home import Home
    from cellctl.manifest import Manifest
    from cellctl.run.options import RunOptions
    from cellctl.spec import CellSpec

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, kw_only=True)
class Place:
    """One cell in one home. `file` is its cell file, `word` what the user called it."""

    home: Home
    name: str
    cloud: str
    account: str
    spec: CellSpec | None
    file: Path | None
    home_option: Path | None
    word: str

    def handle(self) -> Cell:
        """Return the library's handle on the cell."""
        from cellctl.cell import Cell

        return Cell(self.spec, home=self.home, name=self.name)

    def command(self, verb: str, *more: str) -> str:
        """Return `cellctl VERB CELL MORE` as it can be typed again here."""
        return shlex.join(["cellctl", verb, self.word, *more]) + self.home_words

    @property
    def home_words(self) -> str:
        """` --home X` where the home was said, else ``."""
        return f" --home {shlex.quote(str(self.home_option))}" if self.home_option is not None else ""


def open_home(home: Path | None) -> Home:
    """Return the home that `--home` (or CELLCTL_HOME, which Typer reads into it) or the working directory means."""
    from cellctl.home import Home

    return Home.find(home=home)


def cell_names(home: Path | None) -> list[str]:
    """Return the names of cells for completion; empty where there is no home."""
    from cellctl.errors import CellctlError

    try:
        found = open_home(home)
        return sorted({*found.cell_names(), *found.stack_names()})
    except (CellctlError, OSError):
        return []


def locate(verb: str, cell: str | None, *, cloud: str | None, home: Path | None, create: bool = False) -> Place:
    """Return the cell that is meant, its file made where that is allowed, which is said.

    Raises:
        SpecError, UsageError: As `find_cell`.
        GuardError: CELLCTL_REQUIRE_REAL is set and the cell is in the sandbox.
    """
    from cellctl.home import find_cell

    found_home = open_home(home)
    new_home = create and not found_home.file.exists()
    found = find_cell(found_home, cell or "", command=verb, cloud=cloud or "", create=create, write=verb == "up")
    spec = found.spec
    account = spec.spec.account if spec else _account_of(found_home, found.name)
    refuse_if_real_is_required(account)
    if verb == "up":
        _announce(found_home, found.file if found.created else None, new_home=new_home)
    word = cell if cell and found.file and found.file != found_home.cell_file(found.name) else found.name
    return Place(
        home=found_home,
        name=found.name,
        cloud=spec.spec.cloud if spec else _cloud_of(found_home, found.name),
        account=account,
        spec=spec,
        file=found.file,
        home_option=home,
        word=word,
    )


def selected(home: Home, cell: str | None, labels: Sequence[str], names: Sequence[str] | None = None) -> list[str]:
    """Return the cells that a command over many is about: one, or all of `names` with these labels.

    Without `names` all that have a stack in this home's own state.

    Raises:
        UsageError: A label is no `NAME=VALUE`, or there is no such cell.
    """
    from cellctl.cell import Cell

    if cell is not None:
        return [Cell.open(cell, home=home).name]
    wanted = [text.partition("=") for text in labels]
    for name, equals, _ in wanted:
        if not name or not equals:
            raise UsageError(f"--select needs LABEL=VALUE, not '{name}'", hint="such as tier=gold", code="bad_select")
    found = []
    for name in home.stack_names() if names is None else names:
        spec = Cell.open(name, home=home).spec if wanted else None
        has = spec.metadata.labels if spec is not None else {}
        if all(has.get(label) == value for label, _, value in wanted):
            found.append(name)
    return found


def run_options(
    *,
    refresh: RefreshScope,
    clock: str,
    engine: EngineName,
    command: str,
    deadline: str = "",
    allow: list[str] | None = None,
    accept_loss: list[str] | None = None,
    override: list[str] | None = None,
    adopt: list[str] | None = None,
    forget: list[str] | None = None,
    approval: Approval | None = None,
    manifest: Manifest | None = None,
) -> RunOptions:
    """Return the options of a run from the command's options."""
    from cellctl.run.options import RunOptions

    taken = [f"--override {code}" for code in override or ()]
    taken += [f"--accept-data-loss '{urn}'" for urn in accept_loss or ()]
    return RunOptions(
        refresh=refresh.value,
        allow=frozenset(allow or ()),
        accept_loss=frozenset(accept_loss or ()),
        override=frozenset(override or ()),
        adopt=dict(_adoption(text) for text in adopt or ()),
        forget=frozenset(forget or ()),
        clock=clock,
        engine="" if engine.value == "auto" else engine.value,
        deadline_s=seconds(deadline),
        command=" ".join([command, *taken]),
        environment=dict(os.environ),
        approval=approval,
        manifest=manifest,
    )


def approved(path: Path) -> Approval:
    """Return the approved plan of a file.

    Raises:
        UsageError: It cannot be read, or is no plan that `preview --save` wrote (code `bad_plan`).
    """
    from cellctl.views.saved_plan import LARGEST_BYTES, approval_of

    return approval_of(_text(path, LARGEST_BYTES, hint=f"cellctl preview CELL --save {path}", code="bad_plan"))


def signed(path: Path, planned: Approval | None) -> Manifest:
    """Return the signed approval of a file, to go with a plan.

    Raises:
        UsageError: There is no plan, or the file is no approval (code `bad_approval`).
    """
    from cellctl.manifest import AGAIN, LARGEST_BYTES, manifest_of

    if planned is None:
        raise UsageError("--approval goes with the plan that it approves", hint="--plan FILE", code="bad_approval")
    return manifest_of(_text(path, LARGEST_BYTES, hint=AGAIN, code="bad_approval"))


def _text(path: Path, limit: int, *, hint: str, code: str) -> str:
    """Return a file's text, `` where it is too large or no text."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
        return data.decode() if len(data) <= limit else ""
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint=hint, code=code) from None
    except UnicodeDecodeError:
        return ""


def looking() -> RunOptions:
    """Return the options of commands that only look: where the CLI is found, and what may open a state elsewhere."""
    from cellctl.run.options import RunOptions

    return RunOptions(environment=dict(os.environ))


def seconds(text: str, option: str = "--deadline") -> float:
    """Return the seconds of `90`, `90s`, `30m`, `2h` or `7d`, the value of `option`; 0 for ``.

    Raises:
        UsageError: It is none of these, or not more than 0.
    """
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS_S else (text, "s")
    if text and (not number.isascii() or not number.isdigit() or not int(number)):
        raise UsageError(f"{option} needs a time, not '{text}'", hint="such as 90s, 30m or 2h", code="bad_deadline")
    return float(int(number) * _UNITS_S[unit]) if text else 0.0


def importing(texts: Sequence[str]) -> dict[str, str]:
    """Return what is to be taken over, and its id, of each `WHAT=ID`.

    Raises:
        UsageError: One is not of that form, or names something twice (code `bad_import`).
    """
    found: dict[str, str] = {}
    for text in texts:
        what, separator, object_id = text.partition("=")
        if not separator or not what or not object_id or what in found:
            why = "is named twice" if what in found else "is not WHAT=ID"
            raise UsageError(f"'{text}' {why}", hint="cellctl import CELL database=ID", code="bad_import")
        found[what] = object_id
    return found


def _adoption(text: str) -> tuple[str, str]:
    """Return the URN and the id of `URN=ID`; ids may hold `=`, URNs do not."""
    urn, separator, object_id = text.partition("=")
    if not separator or not urn.startswith("urn:pulumi:") or not object_id:
        raise UsageError(f"--adopt needs URN=ID, not '{text}'", hint="the refusal prints the URN", code="bad_adopt")
    return urn, object_id


def refuse_if_real_is_required(account: str) -> None:
    """Raise GuardError for the sandbox where CELLCTL_REQUIRE_REAL=1."""
    if os.environ.get("CELLCTL_REQUIRE_REAL") == "1":
        from cellctl.home.accounts import refuse_sandbox

        refuse_sandbox(account)


def _announce(home: Home, written: Path | None, *, new_home: bool) -> None:
    from cellctl.cli import streams

    if new_home and home.write_file():
        streams.say(f"Wrote {home.file}: this folder is now a home of cells.")
    if written is not None:
        streams.say(f"Wrote {written}: the cell's file, with every field shown.")


def _record(home: Home, name: str) -> dict[str, str]:
    from cellctl.run.target import record_of

    return {key: value for key, value in record_of(home, name).items() if isinstance(value, str)}


def _account_of(home: Home, name: str) -> str:
    return _record(home, name).get("account", "")


def _cloud_of(home: Home, name: str) -> str:
    return _record(home, name).get("cloud", "")
