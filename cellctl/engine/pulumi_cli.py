"""The real Pulumi CLI as our own `PulumiCommand`: what the SDK's own leaves to chance is decided here.

The environment is complete and inherits nothing; the CLI runs in a process group of its own and dies with its parent;
interrupts climb a ladder (SIGINT, SIGINT, SIGKILL); a deadline ends what hangs; nothing secret may stand on argv.
Source: reference/pulumi.md 6.6, 6.7, 7.1.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from cellctl.engine import leash
from cellctl.errors import EngineError, Interrupted, UsageError
from cellctl.state.files import write_atomically

MINIMUM = VersionInfo(3, 205, 0)  # the first whose event log speaks gRPC without losing events (pulumi.md 9.15)
INSTALL = "curl -fsSL https://get.pulumi.com | sh -s -- --version 3.272.0"
VERSION_DEADLINE_S = 20.0
_HOUR_S = 3600.0
# A step of a provider takes 2 h at most (reference/azure.md 1.8), a plan a few minutes; all else answers in seconds.
DEADLINES_S = {"up": 6 * _HOUR_S, "destroy": 6 * _HOUR_S, "refresh": _HOUR_S, "preview": 1200.0}
QUICK_DEADLINE_S = 300.0
GRACE_S = 600.0
GRACE_OF_LOOKING_S = 5.0
_CHANGING = ("up", "destroy", "refresh")
_SECRET_FLAGS = ("--secret", "--passphrase")
_SECRET_TEXT = re.compile(r"(AKIA|ASIA)[A-Z0-9]{16}|-----BEGIN|(password|secret|token)=.", re.IGNORECASE)


class PulumiCli(PulumiCommand):
    """A `pulumi` binary at `path`. `environment` is all that its processes get. `log` collects every argv.

    `deadline_s` is for every command, 0 for what `DEADLINES_S` says of each: a CLI that hangs is ended.
    """

    def __init__(
        self,
        path: str,
        version: VersionInfo,
        environment: Mapping[str, str],
        *,
        log: Path | None = None,
        deadline_s: float = 0.0,
    ) -> None:
        self.command = path
        self.version = version
        self._environment = dict(environment)
        self._log = log
        self._deadline_s = deadline_s
        self._process: subprocess.Popen[str] | None = None
        self._signals = 0
        self._lock = threading.Lock()

    @classmethod
    def find(cls, environment: Mapping[str, str], *, log: Path | None = None, deadline_s: float = 0.0) -> PulumiCli:
        """Find `pulumi` on the PATH of `environment` and look at its version.

        Raises:
            UsageError: There is none, or it is too old or of another major version; the hint installs one.
            EngineError: It hangs or does not run.
        """
        path = shutil.which("pulumi", path=environment.get("PATH", os.defpath))
        if path is None:
            raise UsageError(
                "there is no `pulumi` on PATH; real accounts and --engine pulumi need it",
                hint=INSTALL,
                code="cli_missing",
            )
        return cls(path, _known_version(path, environment), environment, log=log, deadline_s=deadline_s)

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], object] | None = None,
        on_error: Callable[[str], object] | None = None,
    ) -> CommandResult:
        """Run one command to its end; raises the SDK's errors for a failing one.

        Raises:
            EngineError: The deadline passed (code `cli_deadline`), or the CLI does not start.
            Interrupted: An interrupt came before it began.
        """
        if self._signals:
            raise Interrupted("interrupted before the next step began", hint="run the same command again")
        argv = [self.command, *audited(args)]
        self._note(argv)
        process = self._start(argv, cwd, {**self._environment, **additional_env, "PULUMI_AUTOMATION_API": "true"})
        outputs = [_Reader(process.stdout, on_output), _Reader(process.stderr, on_error)]
        deadline_s = self._deadline_s or DEADLINES_S.get(args[0], QUICK_DEADLINE_S)
        late = self._wait(process, deadline_s, GRACE_S if args[0] in _CHANGING else GRACE_OF_LOOKING_S)
        stdout, stderr = (reader.text() for reader in outputs)
        with self._lock:
            self._process = None
        if late:
            hint = (
                "what was under way is looked up by the next run; if it hangs again, see whether `pulumi` runs at all"
            )
            words = " ".join(word for word in args[:2] if not word.startswith("-"))
            raise EngineError(f"`pulumi {words}` did not end within {deadline_s:g} s", hint=hint, code="cli_deadline")
        if process.returncode < 0 and not stderr:
            stderr = f"error: `pulumi {args[0]}` was ended by signal {-process.returncode}"
        result = CommandResult(stdout, stderr, process.returncode)
        if process.returncode != 0:
            raise create_command_error(result)
        return result

    def interrupt(self) -> None:
        """Take one step of the ladder: SIGINT to the CLI, SIGINT again, then SIGKILL to its whole group."""
        with self._lock:
            self._signals += 1
            self._signal(self._signals)

    def _start(self, argv: Sequence[str], cwd: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        leashed = [sys.executable, "-I", "-S", str(Path(leash.__file__)), str(os.getpid()), *argv]
        with self._lock:
            try:
                self._process = subprocess.Popen(
                    leashed if sys.platform == "linux" else list(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd=cwd,
                    env=dict(environment),
                    encoding="utf-8",
                    errors="replace",
                    start_new_session=True,
                )
            except OSError as error:
                hint = INSTALL
                raise EngineError(f"`pulumi` does not start: {error}", hint=hint, code="cli_broken") from None
        return self._process

    def _wait(self, process: subprocess.Popen[str], deadline_s: float, grace_s: float) -> bool:
        """Wait for the end; past the deadline climb the ladder. Return whether the deadline passed."""
        for rung, patience in ((0, deadline_s), (1, grace_s), (2, 30.0), (3, 30.0)):
            if rung:
                with self._lock:
                    self._signal(rung)
            with suppress(subprocess.TimeoutExpired):
                process.wait(patience)
                return rung > 0
        return True

    def _signal(self, rung: int) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            if rung <= 2:
                process.send_signal(signal.SIGINT)
            else:
                os.killpg(process.pid, signal.SIGKILL)

    def _note(self, argv: Sequence[str]) -> None:
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"at": time.time(), "argv": list(argv)}) + "\n")


class _Reader:
    """Collects the lines of one pipe on a thread of its own."""

    def __init__(self, stream: IO[str] | None, on_line: Callable[[str], object] | None) -> None:
        assert stream is not None
        self._lines: list[str] = []
        self._stream, self._on_line = stream, on_line
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._stream as stream:
            for line in stream:
                text = line.rstrip()
                self._lines.append(text)
                if self._on_line is not None:
                    self._on_line(text)

    def text(self) -> str:
        """Return all lines, once the pipe is closed; a grandchild that holds it open is not waited for for ever."""
        self._thread.join(10)
        return "\n".join(self._lines)


def audited(args: Sequence[str]) -> list[str]:
    """Return the arguments with `--non-interactive` in front.

    Raises:
        EngineError: Something secret would stand on argv, which every user of the machine can read.
    """
    for word in args:
        if word in _SECRET_FLAGS or _SECRET_TEXT.search(word):
            raise EngineError("refused to put something secret on a command line", code="secret_on_argv")
    words = list(args)
    return words if "--non-interactive" in words else ["--non-interactive", *words]


def checked_version(path: str, environment: Mapping[str, str]) -> VersionInfo:
    """Return the version of the CLI at `path`."""
    said = _ask_version(path, environment)
    try:
        version = VersionInfo.parse(said.strip().removeprefix("v"))
    except ValueError:
        raise EngineError(f"{path} says no version: '{said.strip()[:60]}'", hint=INSTALL, code="cli_broken") from None
    if version.major != MINIMUM.major or version < MINIMUM:
        raise UsageError(
            f"`pulumi` at {path} is version {version}; {MINIMUM} or newer of major version 3 is needed",
            hint=INSTALL,
            code="cli_too_old",
        )
    return version


def _known_version(path: str, environment: Mapping[str, str]) -> VersionInfo:
    """Return the version; asked once for each binary, and remembered in PULUMI_HOME: a process is 0.2 s of CPU."""
    memory = Path(environment["PULUMI_HOME"]) / "cli-version.json" if "PULUMI_HOME" in environment else None
    facts = Path(path).stat()
    key = [path, facts.st_mtime_ns, facts.st_size]
    if memory is not None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            known = json.loads(memory.read_text(encoding="utf-8"))
            if known["of"] == key:
                return VersionInfo.parse(known["version"])
    version = checked_version(path, environment)
    if memory is not None:
        with suppress(OSError):
            write_atomically(memory, json.dumps({"of": key, "version": str(version)}).encode())
    return version


def _ask_version(path: str, environment: Mapping[str, str]) -> str:
    try:
        return subprocess.run(
            [path, "version"],
            env={**environment},
            capture_output=True,
            text=True,
            timeout=VERSION_DEADLINE_S,
            check=True,
            stdin=subprocess.DEVNULL,
        ).stdout
    except subprocess.TimeoutExpired:
        message = f"`{path} version` does not answer within {VERSION_DEADLINE_S:.0f} s"
        raise EngineError(message, hint=INSTALL, code="cli_hangs") from None
    except (OSError, subprocess.CalledProcessError) as error:
        raise EngineError(f"`{path} version` fails: {error}", hint=INSTALL, code="cli_broken") from None
