"""Threads that take turns: one at a time, in an order that does not depend on who was quick."""

from __future__ import annotations

import os
import threading
import time

from cellctl_provider import baton


def test_tasks_run_one_at_a_time_and_go_on_in_the_order_in_which_they_are_lined_up() -> None:
    said: list[str] = []
    inside: list[int] = []

    def work(number: int) -> int:
        inside.append(number)
        time.sleep(0.001 * (5 - number))
        assert inside == [number]
        inside.clear()
        said.append(f"begun {number}")
        baton.give_way()
        said.append(f"done {number}")
        return number

    assert baton.each(work, range(5), most=3) == list(range(5))
    assert said == [
        "begun 0", "begun 1", "begun 2", "done 0", "done 1", "done 2", "begun 3", "begun 4", "done 3", "done 4",
    ]  # fmt: skip
    assert not baton.at_work()


def test_who_steps_aside_lets_the_others_work_and_who_waits_for_a_lock_too() -> None:
    lock, begun = baton.Lock(), threading.Event()

    def work(name: str) -> str:
        with lock:
            if name == "first":
                with baton.aside():
                    assert begun.wait(10)
        return name

    def last(name: str) -> str:
        begun.set()
        return name

    tasks = [lambda: work("first"), lambda: work("second"), lambda: last("third")]
    assert baton.each(lambda task: task(), tasks, most=3) == ["first", "second", "third"]


def test_a_forked_process_has_none_of_its_parents_batons() -> None:
    """Else its simulated time would stand still for ever: somebody seems to work."""
    with baton.held():
        pid = os.fork()
        if not pid:
            os._exit(baton.at_work() or baton.current() is not None)
        assert baton.at_work()
    assert os.waitpid(pid, 0)[1] == 0
