"""Faults: a rule may delay a statement, answer it with an error, or lose the connection before or after it ran."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What happens to one statement.

    `drop` "before" closes the connection and runs nothing; "after" runs and commits it and the reply is lost. `error`
    is an error number answered instead of running it. `delay_s` is real time before anything else.
    """

    drop: Literal["", "before", "after"] = ""
    error: int = 0
    text: str = ""
    delay_s: float = 0.0


class FaultRule(Protocol):
    """Decides what happens to a statement; called from many threads, once per statement that is about to run."""

    def judge(self, host: str, database: str, statement: str) -> Fault | None:
        """Return the fault for this statement, None to run it. A login is the statement `LOGIN`."""


class NoFaults:
    """Nothing ever fails."""

    def judge(self, host: str, database: str, statement: str) -> Fault | None:  # noqa: ARG002
        """Return None."""
        return None


class ScriptedFaults:
    """Faults by the number of the statement, counted from 1 over all connections; `seen` lists what was asked."""

    def __init__(self, faults: dict[int, Fault] | None = None, *, matching: str = "") -> None:
        self._faults = dict(faults or {})
        self._matching = matching.casefold()
        self._lock = threading.Lock()
        self._seen: list[str] = []

    @property
    def seen(self) -> Sequence[str]:
        """The statements that counted, in order."""
        with self._lock:
            return tuple(self._seen)

    def judge(self, host: str, database: str, statement: str) -> Fault | None:  # noqa: ARG002
        """Return the fault scripted for this number."""
        with self._lock:
            if self._matching not in statement.casefold():
                return None
            self._seen.append(statement)
            return self._faults.pop(len(self._seen), None)
