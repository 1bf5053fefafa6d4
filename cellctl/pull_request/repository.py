"""What git knows of a change: through the `git` program, without a shell, a network or anything the repository says.

Only plumbing is called; refs are resolved once to commits, so no name from outside is ever read as an option.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from cellctl.errors import UsageError
from cellctl.pull_request.changes import Blob

_TIMEOUT_S = 120.0
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")
_KEPT = ("PATH", "HOME", "SYSTEMROOT", "TMPDIR")


class Repository:
    """The repository that holds a home. `top` is its root, `home` the home's folder in it (`.` for the root)."""

    def __init__(self, top: Path, home: str, environment: Mapping[str, str]) -> None:
        self.top, self.home = top, home
        self._environment = environment

    @classmethod
    def of(cls, home: Path, environment: Mapping[str, str]) -> Repository:
        """Return the repository of a home; of `environment` only PATH and HOME are used.

        Raises:
            UsageError: There is none, or there is no `git` (code `no_repository`).
        """
        kept = {key: environment[key] for key in _KEPT if key in environment}
        kept |= {
            "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "none", "GIT_LITERAL_PATHSPECS": "1", "GIT_NO_REPLACE_OBJECTS": "1",
        }  # fmt: skip
        found = cls(home, ".", kept)
        top = Path(found._git("rev-parse", "--show-toplevel").decode().rstrip("\n"))
        return cls(top, PurePosixPath(home.resolve().relative_to(top.resolve())).as_posix(), kept)

    def commit(self, ref: str) -> str:
        """Return the commit that `ref` names, in hex.

        Raises:
            UsageError: There is no such commit here (code `no_commit`).
        """
        try:
            text = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        except UsageError:
            text = b""
        if not text.strip():
            shown = ref if len(ref) <= 60 and ref.isprintable() else "that ref"
            hint = "fetch it first; nothing is fetched here. In GitHub Actions: actions/checkout with fetch-depth: 0"
            raise UsageError(f"there is no commit '{shown}' in this repository", hint=hint, code="no_commit")
        return text.decode().strip()

    def merge_base(self, base: str, head: str) -> str:
        """Return the commit where two commits parted, so that what happened on `base` since does not count."""
        try:
            return self._git("merge-base", base, head).decode().split()[0]
        except (UsageError, IndexError):
            hint = "the history is cut off: fetch all of it, in GitHub Actions with fetch-depth: 0"
            raise UsageError("base and head have no commit in common here", hint=hint, code="no_commit") from None

    def cell_files(self, commit: str) -> dict[str, Blob]:
        """Return the cell files of a commit by their path in the repository. Symbolic links are not followed."""
        listing = self._git("ls-tree", "-z", commit, "--", f"{self._folder}/").split(b"\0")
        rows = [(entry.split(b"\t", 1)) for entry in listing if entry]
        files: dict[str, Blob] = {}
        wanted: list[tuple[str, str]] = []
        for facts, name in rows:
            mode, kind, object_id = facts.decode().split()
            path = name.decode(errors="replace")
            if not path.endswith(".yaml"):
                continue
            if kind == "blob" and mode.startswith("100"):
                wanted.append((path, object_id))
            else:
                files[path] = Blob(wrong="is not a regular file")
        return files | self._blobs(wanted)

    def working_files(self) -> dict[str, Blob]:
        """Return the cell files of the working tree in the same form."""
        folder = self.top / self._folder
        paths = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
        return {path.relative_to(self.top).as_posix(): _read(path) for path in paths}

    def changed_paths(self, base: str, head: str = "") -> list[str]:
        """Return the paths that differ between two commits, or a commit and the working tree with its new files."""
        words = ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", base]
        found = self._git(*words, *([head] if head else []), "--").split(b"\0")
        if not head:
            found += self._git("ls-files", "-z", "--others", "--exclude-standard", "--full-name").split(b"\0")
        return sorted({path.decode(errors="replace") for path in found if path})

    @property
    def _folder(self) -> str:
        return "cells" if self.home == "." else f"{self.home}/cells"

    def _blobs(self, wanted: Sequence[tuple[str, str]]) -> dict[str, Blob]:
        """Return file contents, one process for all of them."""
        from cellctl.spec.tree import MAX_BYTES

        asked = "".join(f"{object_id}\n" for _, object_id in wanted).encode()
        sizes = [int(line.split()[2]) for line in self._git("cat-file", "--batch-check", data=asked).splitlines()]
        small = [pair for pair, size in zip(wanted, sizes, strict=True) if size <= MAX_BYTES]
        large = [path for (path, _), size in zip(wanted, sizes, strict=True) if size > MAX_BYTES]
        asked = "".join(f"{object_id}\n" for _, object_id in small).encode()
        rest = self._git("cat-file", "--batch", data=asked)
        files = {path: Blob(wrong=f"is larger than {MAX_BYTES // 1024} KiB") for path in large}
        for path, _ in small:
            head, _, rest = rest.partition(b"\n")
            size = int(head.split()[2])
            files[path], rest = Blob(data=rest[:size]), rest[size + 1 :]
        return files

    def _git(self, *words: str, data: bytes = b"") -> bytes:
        command = ["git", "-C", str(self.top), *_SAFE, *words]
        try:
            done = subprocess.run(
                command, input=data, capture_output=True, env=dict(self._environment), timeout=_TIMEOUT_S, check=False
            )
        except FileNotFoundError:
            raise UsageError("there is no `git` on PATH", hint="install git", code="no_repository") from None
        except subprocess.TimeoutExpired:
            raise UsageError(f"git {words[0]} did not end", hint="try it by hand", code="no_repository") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            why = said[-1][:200] if said else f"git {words[0]} failed"
            raise UsageError(why, hint="run it inside the repository that holds the home", code="no_repository")
        return done.stdout


def _read(path: Path) -> Blob:
    from cellctl.spec.tree import MAX_BYTES

    if path.is_symlink() or not path.is_file():
        return Blob(wrong="is not a regular file")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        return Blob(wrong=f"cannot be read: {error.strerror}")
    return Blob(data=data) if len(data) <= MAX_BYTES else Blob(wrong=f"is larger than {MAX_BYTES // 1024} KiB")
