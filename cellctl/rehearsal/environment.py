"""Other versions of SDKs in an environment of their own: made with uv or venv and pip, kept in the home for next time.

Only the named packages are installed there; everything else is what runs now, found behind them.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cellctl.engine.operation import Start, fresh_interpreter
from cellctl.errors import EngineError, UsageError

_NAME = re.compile(r"pulumi-[a-z0-9-]{1,60}")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+!-]{0,60}")
_HANDED_ON = (
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
_INDEX = ("PIP_", "UV_")
_LONGEST_S = 900.0


@dataclass(frozen=True, slots=True)
class Requirement:
    """One package at one version: `pulumi-aws`, `7.50.0`."""

    name: str
    version: str

    @classmethod
    def of(cls, text: str) -> Requirement:
        """Return what `pulumi-aws==7.50.0` says.

        Raises:
            UsageError: It is something else (code `bad_requirement`).
        """
        name, equals, version = text.partition("==")
        name = name.strip().lower().replace("_", "-")
        if not equals or not _NAME.fullmatch(name) or not _VERSION.fullmatch(version.strip()):
            raise UsageError(
                f"--with needs a provider SDK at a version, not '{text}'",
                hint="such as --with pulumi-aws==7.50.0",
                code="bad_requirement",
            )
        return cls(name, version.strip())

    @property
    def module(self) -> str:
        """Its import name."""
        return self.name.replace("-", "_")

    def __str__(self) -> str:
        """Return `NAME==VERSION`."""
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """Where the other versions are: the folder of their packages, and the Python that finds them first."""

    packages: Path
    python: Path

    @property
    def start(self) -> Start:
        """Makes operation processes that run under the other versions (`RunOptions.start`)."""
        return partial(fresh_interpreter, python=self.python, before=(str(self.packages),))


def environment(folder: Path, wanted: Sequence[Requirement], ambient: Mapping[str, str]) -> Environment:
    """Return the environment that has `wanted`, made in `folder` where it is not there yet.

    `ambient` is the caller's environment: PATH, where uv is looked for, and what uv and pip are told of the index.

    Raises:
        UsageError: The index has no such version, or it cannot be installed (code `not_installed`).
        EngineError: The installer does not end.
    """
    name = digest(wanted)
    kept = folder / name
    if not kept.is_dir():
        building = folder / f".{name}-{os.getpid()}"
        shutil.rmtree(building, ignore_errors=True)
        try:
            _install(building, wanted, _told(ambient))
            building.rename(kept)
        except OSError:
            if not kept.is_dir():  # else another rehearsal was first
                raise
        finally:
            shutil.rmtree(building, ignore_errors=True)
    (packages,) = kept.glob("lib/python*/site-packages")
    return Environment(packages=packages, python=kept / "bin" / "python")


def digest(wanted: Sequence[Requirement]) -> str:
    """Return the name of the folder in which an environment is kept: of these versions, for this Python."""
    return hashlib.sha256(" ".join([sys.version, *sorted(map(str, wanted))]).encode()).hexdigest()[:12]


def _install(building: Path, wanted: Sequence[Requirement], told: Mapping[str, str]) -> None:
    building.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    named = [str(item) for item in wanted]
    python = str(building / "bin" / "python")
    uv = shutil.which("uv", path=told.get("PATH"))
    if uv:
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(building)], told, named)
        _run([uv, "pip", "install", "--quiet", "--no-deps", "--python", python, *named], told, named)
    else:
        _run([sys.executable, "-m", "venv", str(building)], told, named)
        _run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-input", *named], told, named)


def _run(command: Sequence[str], told: Mapping[str, str], named: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=dict(told), stdin=subprocess.DEVNULL, timeout=_LONGEST_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise EngineError(f"installing {' '.join(named)} did not end", hint="is the package index reachable?") from None
    if done.returncode:
        last = next((line.strip() for line in reversed(done.stderr.splitlines()) if line.strip()), "")
        raise UsageError(
            f"{' '.join(named)} cannot be installed: {last[:300]}",
            hint="check the version, and that the package index can be reached",
            code="not_installed",
        )


def _told(ambient: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in ambient.items() if name in _HANDED_ON or name.startswith(_INDEX)}
