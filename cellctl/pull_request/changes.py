"""Which cells a change can touch, from the cell files of both sides and the paths that differ. Pure; files are data."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from cellctl.errors import Problem, SpecError
from cellctl.pull_request.report import Gone

if TYPE_CHECKING:
    from cellctl.spec import CellSpec

# What runs, what programs read beside themselves, and which versions of it all: any of these can change any cell.
# Documentation, pictures and other data cannot. tests/pull_request/test_looking.py holds it to what we ship.
CODE = (
    "*.py", "*.pyi", "*.pyx", "*.so", "*.pth", "*.sh", "*.bash", "*.ps1", "*.psm1", "*.psd1", "*.cmd", "*.bat", "*.sql",
    "*.j2", "*.jinja", "*.jinja2", "*.mako", "*.tmpl", "*.tpl", "*.tftpl", "*.template", "*.service", "*.timer",
    "*.conf", "*.toml", "*.lock", "*.cfg", "*.ini", "*.env", "*.whl", "*.pem", "*.crt", "*.cer", "*.rego",
    "*requirements*.txt", "*requirements*.in", "*constraints*.txt", "*Pulumi*.yaml", "*Pulumi*.yml",
    "*cloud-init*", "*cloud-config*", "*user-data*", "*userdata*", "*user_data*", "*policy*.json", "*policies*.json",
)  # fmt: skip
CODE_NAMES = (
    ".python-version", ".tool-versions", ".gitmodules", ".env", "Pipfile", "environment.yml", "environment.yaml",
    "conda-lock.yml", "package.json", "package-lock.json", "Makefile", "Dockerfile", "Containerfile",
)  # fmt: skip
_CODE_FOLDERS = ("templates", "requirements")  # whatever is in them


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """One file of one side: its bytes, or why it has none (`wrong`)."""

    data: bytes = b""
    wrong: str = ""


@dataclass(frozen=True, kw_only=True)
class CellFile:
    """A cell file as one side has it. `spec` is None where `error` says why."""

    path: str
    name: str
    text: str = ""
    spec: CellSpec | None = None
    error: SpecError | None = None

    @property
    def decommission(self) -> bool:
        """Whether the file says that it will go."""
        return self.spec is not None and self.spec.metadata.decommission


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A cell file that says something else than before; `before` is None where it is new."""

    file: CellFile
    before: CellFile | None


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What becomes of the cell files: those that differ, the others, and cells that no file describes any more."""

    changed: tuple[Changed, ...]
    others: tuple[CellFile, ...]
    gone: tuple[Gone, ...]


def described(path: str, blob: Blob) -> CellFile:
    """Return what a cell file says; a file that says nothing valid is named after its path."""
    from cellctl.spec import loads, source

    stem = PurePosixPath(path).stem
    try:
        if blob.wrong:
            raise SpecError([Problem(message=blob.wrong, file=path, line=1, column=1)])
        text = source.decode(blob.data, path)
        spec = loads(text, file=path)
    except SpecError as error:
        return CellFile(path=path, name=stem, error=error)
    return CellFile(path=path, name=spec.metadata.name, text=text, spec=spec)


def compare(
    base: Mapping[str, Blob],
    head: Mapping[str, Blob],
    *,
    every: bool = False,
    reefs: Collection[str] = (),
) -> Changes:
    """Return the changes between two sides, each a mapping of paths to files.

    `every` reads the others too, `reefs` those of them whose cell is on one of these.
    """
    differing = [path for path in sorted({*base, *head}) if base.get(path) != head.get(path)]
    before = {path: described(path, base[path]) for path in differing if path in base}
    after = {path: described(path, head[path]) for path in differing if path in head}
    renamed = _renamed(before, after)
    taken = {path for path, _ in renamed.values()}
    gone = [_gone(file, renamed.get(path)) for path, file in before.items() if path in renamed or path not in after]
    living = {file.name for file in after.values()}
    changed = [
        Changed(file=_checked(file), before=before.get(path))
        for path, file in after.items()
        if path not in taken and not _same(before.get(path), file)
    ]
    known = taken | {item.file.path for item in changed}
    wanted = sorted(head) if every or reefs else []
    others = [_checked(described(path, head[path])) for path in wanted if path not in known]
    lost = tuple(item for item in gone if item.kind == "renamed" or item.cell not in living)
    kept = tuple(file for file in others if every or _on(file, reefs))
    return Changes(changed=tuple(changed), others=kept, gone=lost)


def _on(file: CellFile, reefs: Collection[str]) -> bool:
    """Whether a cell is on one of these reefs."""
    from cellctl.spec.model import Reef

    place = file.spec.spec.placement if file.spec is not None else None
    return isinstance(place, Reef) and place.reef in reefs


def _same(before: CellFile | None, after: CellFile) -> bool:
    """Whether a file differs in words only: comments, order, defaults written out, an announced end."""
    if before is None or before.spec is None or after.spec is None or before.name != after.name:
        return False
    return _essence(before.spec) == _essence(after.spec)


def _essence(spec: CellSpec) -> object:
    metadata = spec.metadata.model_copy(update={"decommission": False})
    return spec.model_copy(update={"metadata": metadata})


def _renamed(before: Mapping[str, CellFile], after: Mapping[str, CellFile]) -> dict[str, tuple[str, str]]:
    """Return path -> new path and new name of files whose cell got another name."""
    found = {}
    known = {file.name for file in before.values()}
    fresh = {path: file for path, file in after.items() if path not in before and file.name not in known}
    for path, file in before.items():
        other = after.get(path)
        if other is not None and other.spec is not None and file.spec is not None and other.name != file.name:
            found[path] = (path, other.name)
        elif other is None and file.spec is not None:
            bare = file.text.replace(file.name, "\0")
            alike = (path_ for path_, new in fresh.items() if new.spec and new.text.replace(new.name, "\0") == bare)
            twin = next(alike, "")
            if twin:
                found[path] = (twin, fresh.pop(twin).name)
    return found


def _gone(file: CellFile, renamed: tuple[str, str] | None) -> Gone:
    if renamed is not None:
        return Gone(cell=file.name, file=file.path, kind="renamed", to=renamed[1])
    return Gone(cell=file.name, file=file.path, kind="decommissioned" if file.decommission else "removed")


def _checked(file: CellFile) -> CellFile:
    """Return the file, with an error if it is not called as its cell is."""
    from cellctl.spec.reading import first_line

    stem = PurePosixPath(file.path).stem
    if file.spec is None or stem == file.name:
        return file
    problem = Problem(
        message=f"is '{file.name}', but the file is {stem}.yaml",
        field="metadata.name",
        file=file.path,
        line=first_line(file.text, ["metadata.name"]),
        hint=f"rename the file to {file.name}.yaml, or write name: {stem}",
    )
    return CellFile(path=file.path, name=stem, text=file.text, error=SpecError([problem]))


def differing_fields(before: CellFile | None, after: CellFile) -> list[str]:
    """Return the fields that a cell file has changed: `spec.database.tier`; the name where the file is new."""
    if before is None or before.spec is None or after.spec is None:
        return ["metadata.name"]
    return sorted(_differing(before.spec.to_json(), after.spec.to_json(), "")) or ["metadata.name"]


def _differing(before: object, after: object, at: str) -> Iterable[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in {**before, **after}:
            yield from _differing(before.get(key), after.get(key), f"{at}.{key}".lstrip("."))
    elif before != after:
        yield at


def touches_all(paths: Iterable[str], home: str) -> tuple[str, ...]:
    """Return those of `paths` that can change every cell: code, versions, and this home's `cellctl.yaml`."""
    settings = "cellctl.yaml" if home == "." else f"{home}/cellctl.yaml"
    return tuple(path for path in paths if path == settings or _is_code(path))


def reef_files(paths: Iterable[str], home: str) -> tuple[str, ...]:
    """Return those of `paths` that are reef files of this home: each can change the cells on its reef."""
    folder = "reefs" if home == "." else f"{home}/reefs"
    return tuple(path for path in paths if PurePosixPath(path).parent == PurePosixPath(folder) and path[-5:] == ".yaml")


def _is_code(path: str) -> bool:
    at = PurePosixPath(path)
    known = at.name in CODE_NAMES or any(fnmatchcase(at.name, pattern) for pattern in CODE)
    return known or any(part in _CODE_FOLDERS for part in at.parts[:-1])
