"""An `up` that a cloud turned away because it was busy with a neighbour goes on by itself, a few times.

Two cells of a reef that make private endpoints in one subnet at the same moment meet it: the provider does not repeat
these answers (reference/azure.md 1.8), and nothing is wrong that a person could mend.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

from cellctl.engine.classify import is_busy

if TYPE_CHECKING:
    from cellctl.engine.progress import Progress
    from cellctl.engine.wire import Task
    from cellctl.plan import Failure
    from cellctl.run.session import Ended, Session

MOST = 6
_WAIT_S = 30.0


def changed(session: Session, task: Task) -> tuple[Progress, Ended]:
    """Run a task that changes things, and again while all that failed was turned away by a busy cloud.

    Returns the last run's Progress with what the runs before it made counted in.
    """
    progress, ended = session.change(task)
    for attempt in range(1, MOST + 1):
        if session.interrupted or ended.broke or not progress.failures or not all(map(_busy, progress.failures)):
            break
        what = progress.failures[0].urn.rpartition("::")[2]
        session.say(f"the cloud is busy with a neighbour of {what}: going on in a moment ({attempt} of {MOST})")
        before = progress
        progress, ended = session.change(replace(task, after_s=_pause_s(session.target.name, attempt)))
        _count_in(progress, before)
    return progress, ended


def _busy(failure: Failure) -> bool:
    return is_busy(failure.message)


def _pause_s(name: str, attempt: int) -> float:
    """Return seconds to wait: longer each time, and not the same for two cells."""
    return _WAIT_S * attempt * (0.5 + zlib.crc32(f"{name}/{attempt}".encode()) / 2**32)


def _count_in(progress: Progress, before: Progress) -> None:
    """Count what an earlier run made; to the run that went on it was the same."""
    for now, earlier in ((progress.counts, before.counts), (progress.of_cloud, before.of_cloud)):
        for action, number in earlier.items():
            if action != "same":
                now[action] = now.get(action, 0) + number
                now["same"] = max(0, now.get("same", 0) - (number if action in ("create", "update") else 0))
