"""A warm operation process that previews one sandbox cell after another."""

from __future__ import annotations

from cellctl.engine.operation import Operation, Start, fresh_interpreter
from cellctl.engine.wire import Setup


class Worker:
    """Holds one operation process for several runs. Use as a context manager, in one thread.

    Only for simulated accounts: what a process of a real account knows must end with its run. `start` makes a process.
    """

    def __init__(self, start: Start = fresh_interpreter) -> None:
        self._start = start
        self._operation: Operation | None = None
        self._cloud = ""

    def __enter__(self) -> Worker:
        """Nothing is started before the first run."""
        return self

    def __exit__(self, *exception: object) -> None:
        """End the process."""
        self.end()

    def operation(self, setup: Setup) -> Operation:
        """Return a running operation for `setup`: the warm one, or a new one where it died or serves another cloud."""
        if not setup.account.sandbox:
            raise ValueError("a worker serves simulated accounts only")
        if self._operation is not None and self._operation.alive and self._cloud == setup.cloud:
            self._operation.reopen(setup)
            return self._operation
        self.end()
        self._operation, self._cloud = Operation(setup, self._start), setup.cloud
        return self._operation.__enter__()

    def end(self) -> None:
        """End the process, if there is one."""
        operation, self._operation = self._operation, None
        if operation is not None:
            operation.__exit__(None, None, None)
