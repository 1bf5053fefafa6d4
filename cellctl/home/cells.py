"""Find the cell that a person means: by path, by name, or by nothing where one fits; make its file where allowed."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.errors import UsageError
from cellctl.home.accounts import SANDBOX
from cellctl.home.place import Home, problem_in
from cellctl.listing import some

if TYPE_CHECKING:
    from cellctl.spec import CellSpec

# Where a cell that nobody gave a region goes.
DEFAULT_REGIONS = {"aws": "eu-west-1", "azure": "westeurope"}
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundCell:
    """A cell that was meant. `spec` and `file` are None where only its stack is left; `created`: its file is new."""

    name: str
    spec: CellSpec | None
    file: Path | None
    created: bool = False


def find_cell(
    home: Home, cell: str = "", *, command: str, cloud: str = "", create: bool = False, write: bool = True
) -> FoundCell:
    """Return the cell that `cell` (a name, the path of a file, or nothing) and `cloud` (or nothing) mean.

    Args:
        home: Where to look.
        cell: A name or path, or `` for the one that fits.
        command: The command's name, for hints that can be typed.
        cloud: `aws`, `azure` or ``.
        create: Whether a file may be made: only in the sandbox, only where cellctl.yaml names no real account.
        write: False makes the spec of a new cell without writing its file (a preview writes nothing).

    Raises:
        SpecError: The file, or cellctl.yaml, is wrong.
        UsageError: Unknown cloud or name, several that fit, or `cloud` against the file.
    """
    _known_cloud(cloud)
    asked = _Asked(home=home, command=command, cloud=cloud, create=create)
    if _is_path(cell):
        return _agreed(asked, _from_file(home, Path(cell)))
    name = cell or _only(asked)
    _checked_name(name)
    if home.cell_file(name).exists():
        return _agreed(asked, _from_file(home, home.cell_file(name)))
    if not create and name in home.stack_names():
        return FoundCell(name=name, spec=None, file=None)
    return _new(asked, name, write=write)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What the caller of `find_cell` said."""

    home: Home
    command: str
    cloud: str
    create: bool

    @property
    def may_invent(self) -> bool:
        """Whether a cell may be made up: only where no real account could be meant."""
        return self.create and self.home.settings.sandbox_only

    @property
    def known(self) -> list[str]:
        """Every name that a file or a stack has."""
        return sorted({*self.home.cell_names(), *self.home.stack_names()})


def _known_cloud(cloud: str) -> None:
    if cloud and cloud not in DEFAULT_REGIONS:
        close = difflib.get_close_matches(cloud.lower(), DEFAULT_REGIONS, n=1, cutoff=0.4)
        hint = f"did you mean {close[0]}?" if close else f"clouds are: {', '.join(DEFAULT_REGIONS)}"
        raise UsageError(f"there is no cloud '{cloud}'", hint=hint, code="unknown_cloud")


def _is_path(cell: str) -> bool:
    return "/" in cell or "\\" in cell or cell.endswith(_SUFFIXES)


def _from_file(home: Home, path: Path) -> FoundCell:
    from cellctl.spec import load

    spec = load(path)
    name = spec.metadata.name
    in_home = path.absolute().parent == home.cells_folder.absolute()
    if in_home and path.stem != name:
        message = f"is '{name}', but the file is {path.name}"
        hint = f"rename the file to {name}.yaml, or write name: {path.stem}"
        raise problem_in(path, message, field="metadata.name", hint=hint)
    own = home.cell_file(name)
    if not in_home and own.exists() and not own.samefile(path):
        message = f"the name '{name}' is taken by cells/{own.name} of this home"
        raise problem_in(
            path, message, field="metadata.name", hint="give this cell another name, or choose another --home"
        )
    home.check(spec, file=path)
    return FoundCell(name=name, spec=spec, file=path)


def _agreed(asked: _Asked, found: FoundCell) -> FoundCell:
    """Return the cell unless `--cloud` contradicts its file; the hint is a command that works."""
    spec, cloud = found.spec, asked.cloud
    if spec is None or not cloud or spec.spec.cloud == cloud:
        return found
    hint = f"cellctl {asked.command} {found.name}"
    if asked.may_invent:
        hint = f"cellctl {asked.command} --cloud {cloud} {_free_name(asked, found.name)}"
    where = found.file.name if found.file else "its file"
    message = f"cell '{found.name}' is on {spec.spec.cloud} ({where}), not on {cloud}; a cell's cloud never changes"
    raise UsageError(message, hint=hint, code="cloud_differs")


def _free_name(asked: _Asked, name: str) -> str:
    """Return a valid name that no cell of the home has."""
    from cellctl.units import NAME_MAX

    base = f"{name[: NAME_MAX - len(asked.cloud) - 4].rstrip('-')}-{asked.cloud}"
    candidates = [base, *(f"{base}-{number}" for number in range(2, 100))]
    return next(candidate for candidate in candidates if candidate not in asked.known)


def _only(asked: _Asked) -> str:
    """Return the only cell that fits, or the sandbox's demo cell of a cloud."""
    home, cloud, command = asked.home, asked.cloud, asked.command
    names = [name for name in home.cell_names() if not cloud or _cloud_of(home, name) == cloud]
    demo = f"demo-{cloud}"
    if len(names) == 1:
        return names[0]
    if cloud and demo in names:
        return demo
    if names:
        where = f" on {cloud}" if cloud else ""
        message = f"which cell? There are {len(names)}{where}: {some(names, 10)}"
        raise UsageError(message, hint=f"cellctl {command} {names[0]}", code="which_cell")
    if cloud and (asked.may_invent or demo in home.stack_names()):
        return demo
    hint = f"write cells/NAME.yaml, then: cellctl {command} NAME"
    if home.settings.sandbox_only:
        hint = f"cellctl up --cloud {cloud or 'aws'}"
    where = f" on {cloud}" if cloud else ""
    raise UsageError(f"there is no cell{where} in {home.root}", hint=hint, code="no_cell")


def _cloud_of(home: Home, name: str) -> str:
    from cellctl.spec import load

    return load(home.cell_file(name)).spec.cloud


def _new(asked: _Asked, name: str, *, write: bool) -> FoundCell:
    """Make a new cell in the sandbox, or say why this name means nothing."""
    if not asked.cloud or not asked.may_invent:
        raise _unknown(asked, name)
    from cellctl.spec import CellSpec

    region = DEFAULT_REGIONS[asked.cloud]
    spec = CellSpec.minimal(name, cloud=asked.cloud, account=SANDBOX, region=region)
    try:
        file = asked.home.write_cell(spec) if write else None
    except UsageError:
        if not asked.home.cell_file(name).exists():
            raise
        return _agreed(asked, _from_file(asked.home, asked.home.cell_file(name)))  # another `up` was first
    return FoundCell(name=name, spec=spec, file=file, created=True)


def _unknown(asked: _Asked, name: str) -> UsageError:
    """Return the error for a name that no cell has."""
    known, command = asked.known, asked.command
    if name in known:  # it was brought up from a file elsewhere, or its file was removed
        message = f"cell '{name}' is there, and its file cells/{name}.yaml is not"
        return UsageError(message, hint=f"say where the file is: cellctl {command} path/to/{name}.yaml", code="no_file")
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        hint = f"did you mean {close[0]}? cellctl {command} {close[0]}"
    elif asked.may_invent:
        hint = f"for a new cell say its cloud: cellctl {command} --cloud aws {name}"
    elif asked.create:
        hint = f"write cells/{name}.yaml first: this home has real accounts, so no cell is made up"
    else:
        hint = f"cells here: {some(known, 10)}" if known else "there are none; make one: cellctl up --cloud aws"
    return UsageError(f"there is no cell '{name}' in {asked.home.root}", hint=hint, code="no_cell")


def _checked_name(name: str) -> None:
    """Raise UsageError unless a cell may be called so."""
    from cellctl.units import check_name

    try:
        check_name(name)
    except ValueError as error:
        short = f"{name[:40]}…" if len(name) > 40 else name
        hint = "2 to 32 of a-z, 0-9 and hyphens, a letter first, such as acme-prod"
        raise UsageError(f"'{short}' cannot be a cell's name: it {error}", hint=hint, code="bad_name") from None
