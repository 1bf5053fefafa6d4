"""What runs inside a process of the fake `pulumi` (see `fake_cli`)."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

Rule = Mapping[str, str | float | int | list[str]]


def main(folder: str) -> None:
    """Record the call, do what the plan says, exit."""
    place, argv = Path(folder), sys.argv[1:]
    _record(place, argv)
    rule = _rule(place, [word for word in argv if not word.startswith("-")])
    stop = _listen(place, int(str(rule.get("sigints", 1))))
    _send_events(argv, rule)
    until = time.monotonic() + float(str(rule.get("sleep_s", 0)))
    while time.monotonic() < until and not stop:
        time.sleep(0.02)
    sys.stdout.write(str(rule.get("stdout", "")))
    sys.stderr.write(str(rule.get("stderr", "")))
    sys.stdout.flush()
    sys.exit(1 if stop else int(str(rule.get("code", 0))))


def _record(place: Path, argv: list[str]) -> None:
    row = {
        "argv": argv,
        "environment": dict(os.environ),
        "cwd": str(Path.cwd()),
        "pid": os.getpid(),
        "group": os.getpgid(0),
        "files": sorted(path.name for path in Path.cwd().glob("*.yaml")),
    }
    with (place / "calls.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


def _rule(place: Path, words: list[str]) -> Rule:
    plan: dict[str, Rule] = json.loads((place / "plan.json").read_text())
    fitting = [key for key in plan if words[: len(key.split())] == key.split()]
    return plan[max(fitting, key=len)] if fitting else {}


def _listen(place: Path, limit: int) -> list[bool]:
    """Count SIGINTs; the returned list fills when the limit is reached."""
    stop: list[bool] = []
    heard: list[int] = []

    def take(number: int, frame: FrameType | None) -> None:
        del frame
        heard.append(number)
        with (place / "signals").open("a") as file:
            file.write("x")
        if limit and len(heard) >= limit:
            stop.append(True)

    signal.signal(signal.SIGINT, take)
    return stop


def _send_events(argv: list[str], rule: Rule) -> None:
    events = rule.get("events")
    if "--event-log" not in argv or not isinstance(events, list):
        return
    import grpc
    from pulumi.runtime.proto import events_pb2, events_pb2_grpc

    address = argv[argv.index("--event-log") + 1].removeprefix("tcp://")
    with grpc.insecure_channel(address) as channel:
        requests = [events_pb2.EventRequest(event=line) for line in events]
        events_pb2_grpc.EventsStub(channel).StreamEvents(iter(requests), timeout=20)
