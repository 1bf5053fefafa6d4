"""Find the reef that a person means: by path or by name; make its file where allowed."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.errors import UsageError
from cellctl.home.accounts import SANDBOX
from cellctl.home.cells import DEFAULT_REGIONS
from cellctl.home.place import Home, problem_in

if TYPE_CHECKING:
    from cellctl.spec.reef import ReefSpec

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundReef:
    """A reef that was meant. `spec` and `file` are None where only its stack is left; `created`: its file is new."""

    name: str
    spec: ReefSpec | None
    file: Path | None
    created: bool = False


def find_reef(home: Home, reef: str, *, command: str, cloud: str = "", create: bool = False) -> FoundReef:
    """Return the reef of a name or path; arguments as `find_cell`.

    Raises:
        SpecError: The file, or cellctl.yaml, is wrong.
        UsageError: There is no such reef, or `cloud` against its file.
    """
    path = Path(reef)
    is_path = "/" in reef or reef.endswith(_SUFFIXES)
    file = path if is_path else home.reef_file(reef)
    if is_path or file.exists():
        return _read(home, file, command=command, cloud=cloud)
    if not create and reef in home.reef_names():
        return FoundReef(name=reef, spec=None, file=None)
    if not (create and cloud and home.settings.sandbox_only):
        raise _unknown(home, reef, command=command, create=create)
    if cloud not in DEFAULT_REGIONS:
        raise UsageError(f"there is no cloud '{cloud}'", hint="cellctl reef up --cloud aws NAME", code="unknown_cloud")
    return _new(home, reef, cloud)


def _read(home: Home, file: Path, *, command: str, cloud: str) -> FoundReef:
    from cellctl.spec.reef_file import load_reef

    spec = load_reef(file)
    name = spec.metadata.name
    if file.absolute().parent == home.reefs_folder.absolute() and file.stem != name:
        message = f"is '{name}', but the file is {file.name}"
        raise problem_in(file, message, field="metadata.name", hint=f"rename the file to {name}.yaml")
    if cloud and cloud != spec.spec.cloud:
        message = f"reef '{name}' is on {spec.spec.cloud} ({file.name}), not on {cloud}; a reef's cloud never changes"
        raise UsageError(message, hint=f"cellctl reef {command} {name}", code="cloud_differs")
    home.check(spec, file=file)
    return FoundReef(name=name, spec=spec, file=file)


def _new(home: Home, name: str, cloud: str) -> FoundReef:
    from cellctl.spec.reef import ReefSpec
    from cellctl.spec.reef_rules import refuse_pending_reef
    from cellctl.units import check_name

    try:
        check_name(name)
    except ValueError as error:
        hint = "2 to 32 of a-z, 0-9 and hyphens, a letter first, such as eu-1"
        raise UsageError(f"'{name[:40]}' cannot be a reef's name: it {error}", hint=hint, code="bad_name") from None
    spec = ReefSpec.minimal(name, cloud=cloud, account=SANDBOX, region=DEFAULT_REGIONS[cloud])
    refuse_pending_reef(spec)
    return FoundReef(name=name, spec=spec, file=home.write_reef(spec), created=True)


def _unknown(home: Home, name: str, *, command: str, create: bool) -> UsageError:
    known = home.reef_names()
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        hint = f"did you mean {close[0]}? cellctl reef {command} {close[0]}"
    elif create and not home.settings.sandbox_only:
        hint = f"write reefs/{name}.yaml first: this home has real accounts, so no reef is made up"
    else:
        hint = f"reefs here: {', '.join(known)}" if known and not create else f"cellctl reef up --cloud aws {name}"
    return UsageError(f"there is no reef '{name}' in {home.root}", hint=hint, code="no_reef")
