"""The parent's side of an operation process: start it, give it tasks, hear its events, stop it.

One process serves a whole run (preview, up, verify); `reopen` lets a warm one serve the previews of one sandbox cell
after another. It is a fresh interpreter in a session of its own, so that Ctrl-C reaches only the parent, and it dies
with the thread that started it: keep an Operation in one thread.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, TypeAlias

from cellctl.engine.wire import Channel, Message, Setup, Task, error_of, setup_json
from cellctl.errors import EngineError, Interrupted
from cellctl.state.values import Struct, Value

POLL_S = 0.25
FAREWELL_S = 5.0
GRACE_S = 600.0  # after a deadline, for what is under way in the cloud to end and be recorded
GRACE_OF_LOOKING_S = 5.0  # a verb that changes nothing has nothing to end
LAST_CALL_S = 30.0
_CHANGING = ("up", "destroy", "refresh")
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")

OnRaw = Callable[[str, float | None], None]
OnBeat = Callable[[float | None], None]


class Process(Protocol):
    """What a run needs of an operation process; `subprocess.Popen` has it."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None:
        """Return how it ended, None while it lives."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises `subprocess.TimeoutExpired`."""

    def kill(self) -> None:
        """End it at once."""


Start: TypeAlias = Callable[[Setup, socket.socket], Process]


def fresh_interpreter(
    setup: Setup, theirs: socket.socket, *, python: Path = Path(sys.executable), before: Sequence[str] = ()
) -> Process:
    """Start an operation process that serves its end of the channel: a new interpreter in a session of its own.

    Modules in folders `before` win over this process's own.
    """
    log = Path(setup.run_dir) / "log.txt"
    with log.open("ab") as output:
        log.chmod(0o600)
        return subprocess.Popen(
            [str(python), "-P", "-m", "cellctl.engine.child", str(theirs.fileno()), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=setup.work_dir,
            env=child_environment(setup.environment, before),
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )


class Operation:
    """An operation process. Use as a context manager; `perform` blocks until a verb has ended.

    `start` makes the process: a service that has warm ones may pass its own.
    """

    def __init__(self, setup: Setup, start: Start = fresh_interpreter) -> None:
        self._setup = setup
        self._start = start
        self._process: Process | None = None
        self._channel: Channel | None = None
        self._interrupts = 0
        self._ready = False
        self.engine_name = setup.engine
        self.engine_version = ""
        self.simulated: float | None = None

    def __enter__(self) -> Operation:
        """Start the process; it imports while the caller goes on."""
        mine, theirs = socket.socketpair()
        self._channel = Channel(mine.detach())
        with theirs:
            self._process = self._start(self._setup, theirs)
        self._channel.send("setup", setup_json(self._setup))
        return self

    def __exit__(self, *exception: object) -> None:
        """Ask the process to close, and end it if it does not."""
        assert self._process is not None
        assert self._channel is not None
        with suppress(OSError):
            self._channel.send("close")
        try:
            self._process.wait(FAREWELL_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._channel.close()

    @property
    def alive(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def reopen(self, setup: Setup) -> None:
        """Let the process close its cell and open another's. Never for real credentials: they stay in the process."""
        assert self._channel is not None
        self._setup, self._ready, self.simulated = setup, False, None
        try:
            self._channel.send("setup", setup_json(setup))
        except OSError:
            raise self._died() from None

    @property
    def pid(self) -> int:
        """Process id of the child."""
        assert self._process is not None
        return self._process.pid

    def interrupt(self, count: int = 1) -> None:
        """Stop: 1 gracefully, 2 with the engine's second step, 3 by SIGKILL. From any thread or signal handler."""
        self._interrupts = max(count, self._interrupts)
        assert self._channel is not None
        assert self._process is not None
        if count >= 3:
            self._process.kill()
            return
        with suppress(OSError):
            self._channel.send("interrupt")

    def wait_ready(self) -> None:
        """Wait until engine and program are open; raises what they raise."""
        if not self._ready:
            for message in self._messages(lambda _: None):
                if message.kind == "ready":
                    break
            self._ready = True

    def perform(self, task: Task, on_event: OnRaw, on_beat: OnBeat, *, deadline_s: float = 0.0) -> Struct:
        """Run one verb and return its result. `on_event` gets raw events, `on_beat` simulated time, often.

        Raises:
            CellctlError: Whatever the engine, the program or the host raised.
            EngineError: The process died (code `operation_died`), or its time was up (code `deadline`): it was asked to
                end, then killed. The next run repairs.
            Interrupted: It was killed on request.
        """
        self.wait_ready()
        assert self._channel is not None
        self._send_task(task)
        watch = _Deadline(self, task.verb, deadline_s)

        def beat(simulated: float | None) -> None:
            watch.check()
            on_beat(simulated)

        try:
            for message in self._messages(beat):
                if message.kind == "event":
                    on_event(str(message.body.get("text")), _number(message.body.get("simulated")))
                elif message.kind == "done" and not watch.passed:
                    return dict(message.body)
                elif message.kind == "done":
                    break
        except (EngineError, Interrupted):
            if not watch.passed:
                raise
        raise watch.error() if watch.passed else self._died()

    def _send_task(self, task: Task) -> None:
        assert self._channel is not None
        try:
            self._channel.send("do", asdict(task))
        except OSError:
            raise self._died() from None

    def _messages(self, on_beat: OnBeat) -> Iterator[Message]:
        """Yield messages until the process is gone; a typed error is raised here."""
        assert self._channel is not None
        while True:
            try:
                message = self._channel.receive(POLL_S)
            except (EOFError, OSError):
                raise self._died() from None
            if message is None:
                on_beat(self.simulated)
                continue
            if message.kind == "error":
                raise error_of(message.body)
            if message.kind == "ready":
                self.engine_name, self.engine_version = str(message.body["name"]), str(message.body["version"])
            if "simulated" in message.body:
                self.simulated = _number(message.body["simulated"])
            if message.kind == "heartbeat":
                on_beat(self.simulated)
            yield message

    def _died(self) -> EngineError | Interrupted:
        again = "run the same command again: what was under way is looked up first"
        if self._interrupts >= 3:
            return Interrupted("the engine was killed on request", hint=again)
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(FAREWELL_S)
        code = self._process.returncode
        how = f"by signal {-code}" if code is not None and code < 0 else f"with code {code}"
        log = f"{again}; its log is {self._setup.run_dir}/log.txt"
        return EngineError(
            f"the operation process ended {how} before its work was done", hint=log, code="operation_died"
        )


class _Deadline:
    """Climbs the ladder of an operation whose time is up: asked to end, asked again, killed."""

    def __init__(self, operation: Operation, verb: str, deadline_s: float) -> None:
        self._operation, self._verb, self._deadline_s = operation, verb, deadline_s
        grace = GRACE_S if verb in _CHANGING else GRACE_OF_LOOKING_S
        now = time.monotonic()
        ends = (now + deadline_s, now + deadline_s + grace, now + deadline_s + grace + min(grace, LAST_CALL_S))
        self._rungs = list(enumerate(ends, 1)) if deadline_s else []
        self.passed = False

    def check(self) -> None:
        """Take the next rung if it is time."""
        while self._rungs and time.monotonic() > self._rungs[0][1]:
            self.passed = True
            self._operation.interrupt(self._rungs.pop(0)[0])

    def error(self) -> EngineError:
        """Return what to say of it."""
        hint = "what was under way is looked up by the next run; --deadline allows more time"
        return EngineError(f"{self._verb} did not end within {self._deadline_s:g} s", hint=hint, code="deadline")


def child_environment(engine: Mapping[str, str], before: Sequence[str] = ()) -> dict[str, str]:
    """Return the child's complete environment: the engine's variables, and where Python finds its modules."""
    paths = os.pathsep.join(entry for entry in (*before, *sys.path) if entry)
    basics = {"PATH": os.defpath, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8"}
    return {**basics, **engine}


def inherited(ambient: Mapping[str, str], extra: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the variables of `ambient` that an engine process may have."""
    return {key: ambient[key] for key in (*_INHERITED, *extra) if key in ambient}


def _number(value: Value) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
