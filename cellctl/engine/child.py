"""The operation process: opens one engine and program, serves verbs over the channel, dies with its parent.

Started as `python -P -m cellctl.engine.child DESCRIPTOR PARENT_PID LOG`; stdout and stderr are the run's log. Only the
parent meets SIGINT; it passes an interrupt on as a message. Everything raised crosses the channel as a typed error.
"""

from __future__ import annotations

import gc
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl import clouds
from cellctl.engine import leash, services
from cellctl.engine.wire import Channel, Setup, Task, error_json, setup_of, task_of
from cellctl.errors import CellctlError, EngineError
from cellctl.state.values import Struct

if TYPE_CHECKING:
    from cellctl.engine.automation import Cockpit

HEARTBEAT_S = 0.25
COLLECT_EVERY = 8  # tasks of one stack: each leaves 3 MB behind (embedded-engine.md 5.2)


class Child:
    """Reads messages on one thread and works on another, so that an interrupt is heard during an operation."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.tasks: queue.Queue[Setup | Task | None] = queue.Queue()
        self.cockpit: Cockpit | None = None
        self._served = 0

    def serve(self) -> None:
        """Open each Setup and serve its tasks, until the parent closes."""
        threading.Thread(target=self._listen, daemon=True, name="listen").start()
        threading.Thread(target=self._beat, daemon=True, name="heartbeat").start()
        while (item := self.tasks.get()) is not None:
            self._guarded(partial(self._open, item) if isinstance(item, Setup) else partial(self._perform, item))
        self._close()

    def _close(self) -> None:
        cockpit, self.cockpit = self.cockpit, None
        if cockpit is not None:
            cockpit.close()

    def _open(self, setup: Setup) -> None:
        from cellctl.engine.automation import Cockpit

        if self.cockpit is not None or self._served:  # a warm worker goes on to another cell
            self._close()
            gc.collect()  # what eight stacks leave scatters over 80 MB that the allocator then keeps; it costs the same
            _move(setup)
        self.cockpit = Cockpit(setup, self._event)
        host = self.cockpit.host
        if not self._served:
            gc.freeze()  # the SDKs are a huge graph that no collection need walk again (embedded-engine.md 5.2)
        self.channel.send("ready", {"name": host.name, "version": host.version, "simulated": host.simulated_now()})

    def _perform(self, task: Task) -> None:
        assert self.cockpit is not None
        try:
            result = self.cockpit.perform(task)
        finally:
            self._served += 1
            if self._served == 1:
                gc.freeze()  # what the first program loaded and looked up once
            elif self._served % COLLECT_EVERY == 0:
                gc.collect()
        self.channel.send("done", result)

    def _guarded(self, action: Callable[[], None]) -> bool:
        """Call `action`; send what it raises as a typed error. A program's own fault goes to the log in full."""
        try:
            action()
        except CellctlError as error:
            self.channel.send("error", error_json(error))
        except Exception as error:
            traceback.print_exc()
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            fault = EngineError(f"the operation process failed: {said}", hint="see the run's log", code="internal")
            self.channel.send("error", error_json(fault))
        else:
            return True
        return False

    def _event(self, text: str, simulated: float | None) -> None:
        self.channel.send("event", {"text": text, "simulated": simulated})

    def _listen(self) -> None:
        try:
            while True:
                message = self.channel.receive()
                assert message is not None
                if message.kind == "setup":
                    self.tasks.put(setup_of(message.body))
                elif message.kind == "do":
                    self.tasks.put(task_of(message.body))
                elif message.kind == "interrupt" and self.cockpit is not None:
                    self.cockpit.interrupt()
                elif message.kind == "close":
                    self.tasks.put(None)
        except (EOFError, OSError):
            os._exit(1)  # the parent is gone: a lease may already be another's

    def _beat(self) -> None:
        stop = threading.Event()
        while not stop.wait(HEARTBEAT_S):
            cockpit = self.cockpit
            if cockpit is None:
                continue
            try:
                body: Struct = {"simulated": cockpit.host.simulated_now()}
                self.channel.send("heartbeat", body)
            except OSError:
                return


def _move(setup: Setup) -> None:
    """Go to another cell's work directory; its log is another file too."""
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.open(Path(setup.run_dir) / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def main() -> None:
    """Entry point of the process."""
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    leash.put_on(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    services.install(clouds.SDKS)
    gc.disable()  # a third of a preview would be collections that find little: `Child` knows when one finds much
    Child(Channel(descriptor)).serve()
    sys.stdout.flush()
    os._exit(0)  # gRPC threads need no farewell


if __name__ == "__main__":
    main()
