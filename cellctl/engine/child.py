"""The operation process: opens one engine and program, serves verbs over the channel, dies with its parent.

Started as `python -P -m cellctl.engine.child DESCRIPTOR PARENT_PID LOG`; stdout and stderr are the run's log. Only the
parent meets SIGINT; it passes an interrupt on as a message. Everything raised crosses the channel as a typed error.
"""

from __future__ import annotations

import gc
import importlib
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial

from cellctl.engine import leash
from cellctl.engine.automation import Cockpit
from cellctl.engine.wire import Channel, Message, Task, error_json, setup_of, task_of
from cellctl.errors import CellctlError, EngineError
from cellctl.state.values import Struct

HEARTBEAT_S = 0.25


class Child:
    """Reads messages on one thread and works on another, so that an interrupt is heard during an operation."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.tasks: queue.Queue[Task | None] = queue.Queue()
        self.cockpit: Cockpit | None = None

    def serve(self) -> None:
        """Set up, then serve tasks until the parent closes."""
        first = self.channel.receive()
        assert first is not None
        threading.Thread(target=self._listen, daemon=True, name="listen").start()
        if not self._guarded(partial(self._open, first)):
            return
        threading.Thread(target=self._beat, daemon=True, name="heartbeat").start()
        while (task := self.tasks.get()) is not None:
            self._guarded(partial(self._perform, task))
        assert self.cockpit is not None
        self.cockpit.close()

    def _open(self, first: Message) -> None:
        setup = setup_of(first.body)
        self.cockpit = Cockpit(setup, self._event)
        host = self.cockpit.host
        gc.collect()
        gc.freeze()  # the SDKs are a huge graph that no collection need walk again (embedded-engine.md 5.2)
        self.channel.send("ready", {"name": host.name, "version": host.version, "simulated": host.simulated_now()})

    def _perform(self, task: Task) -> None:
        assert self.cockpit is not None
        self.channel.send("done", self.cockpit.perform(task))

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
                if message.kind == "do":
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
            assert self.cockpit is not None
            body: Struct = {"simulated": self.cockpit.host.simulated_now()}
            try:
                self.channel.send("heartbeat", body)
            except OSError:
                return


def warm(modules: tuple[str, ...]) -> None:
    """Import what an operation needs; on the main thread, because lazy SDK modules race (embedded-engine.md P20)."""
    for name in modules:
        importlib.import_module(name)


def main() -> None:
    """Entry point of the process."""
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    leash.put_on(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # imports make garbage that no collection finds; on again once they are frozen
    warm(("pulumi.automation",))
    gc.enable()
    Child(Channel(descriptor)).serve()
    sys.stdout.flush()
    os._exit(0)  # gRPC threads need no farewell


if __name__ == "__main__":
    main()
