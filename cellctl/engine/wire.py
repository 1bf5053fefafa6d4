"""Messages between a run and its operation process: JSON objects over a socket pair, one writer at a time.

The child is started afresh (no fork of a process with gRPC threads) and knows nothing but what stands in `Setup`.
Typed errors cross as data, so that what a program or a host raises reaches the caller as itself.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from typing import Literal

from cellctl import errors
from cellctl.clouds import AccountFacts, Level
from cellctl.state.values import Struct, Value

Verb = Literal[
    "preview", "up", "destroy", "refresh", "preview_refresh", "preview_destroy", "verify", "look_up", "licence",
    "account", "gates", "scrub", "export", "import", "site", "alarms",
]  # fmt: skip
MessageKind = Literal["setup", "do", "interrupt", "close", "ready", "event", "heartbeat", "done", "error"]


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Everything a child needs to open its engine and program.

    `cell` is the cell's name, or that of any other stack. `spec` is its spec as JSON, empty where no program will run
    (destroy, refresh). `engine` is `embedded` or `pulumi`. `environment` is what the engine's processes get, nothing
    else. `secrets_provider` seals a new stack, `` for the passphrase. `record` is stored in the stack. `place` is a
    cell's on its reef, empty without one. `site` is what it found in the account; where the program needs one that
    nobody has looked for yet (`unsettled`), verb `site` comes first.
    """

    home: str
    cell: str
    cloud: str
    stack: str
    work_dir: str
    run_dir: str
    engine: str
    clock: str
    spec: Mapping[str, Value]
    incarnation: int
    account: AccountFacts
    environment: Mapping[str, str]
    secrets_provider: str = ""
    record: Mapping[str, Value] = field(default_factory=dict)
    level: Level = "cell"
    place: Mapping[str, Value] = field(default_factory=dict)
    site: Mapping[str, Value] = field(default_factory=dict)
    unsettled: bool = False


@dataclass(frozen=True, kw_only=True)
class Task:
    """One verb, and what this run of it does otherwise than the program says.

    `unprotect`: URNs to take protection off (`*` for all), the clouds' own locks too unless `keep_locks`; of these,
    `accept_loss` may lose data of which no backup is proven. `adopt`: URN -> id. `targets`: URNs to look at alone, the
    reference of a licence, or quotas (JSON: name, inside what). `keep_protected`: a destroy leaves what is protected.
    `spec` replaces that of the Setup: what runs now, where a phase must change nothing else. `backend` likewise.
    `deployment` is what an import makes the state, secrets sealed. A scrub's `targets` are region, bucket, and its
    share's ARN unless it only counts. `exists` tells verb `site` whether something of the stack is there, `outputs`
    what it is `wanted` for, and the `site` where that is known; verb `account` takes the `sizes` to ask for there.
    `after_s`: seconds of the cloud's time to wait first. `born` replaces that of the Setup's account, 0 does not;
    with it comes the account's group of `private_zones`.
    """

    verb: Verb
    unprotect: tuple[str, ...] = ()
    accept_loss: tuple[str, ...] = ()
    keep_locks: bool = False
    adopt: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    keep_protected: bool = False
    parallel: int = 16
    message: str = ""
    outputs: Mapping[str, Value] = field(default_factory=dict)
    backend: str = ""
    spec: Mapping[str, Value] = field(default_factory=dict)
    deployment: Mapping[str, Value] = field(default_factory=dict)
    exists: bool = False
    after_s: float = 0.0
    born: int = 0
    private_zones: str = ""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message in either direction."""

    kind: MessageKind
    body: Mapping[str, Value] = field(default_factory=dict)


class Channel:
    """One end of the pair. `send` may be called from any thread, `receive` from one."""

    def __init__(self, descriptor: int) -> None:
        self._connection: Connection[bytes, bytes] = Connection(descriptor)
        self._lock = threading.RLock()  # a signal handler may send while its own thread does

    def send(self, kind: MessageKind, body: Mapping[str, Value] | None = None) -> None:
        """Send a message; raises OSError when the other side is gone."""
        data = json.dumps({"kind": kind, "body": body or {}}, separators=(",", ":")).encode()
        with self._lock:
            self._connection.send_bytes(data)

    def receive(self, timeout_s: float | None = None) -> Message | None:
        """Return the next message, None after `timeout_s`; raises EOFError or OSError when the other side is gone."""
        if timeout_s is not None and not self._connection.poll(timeout_s):
            return None
        document = json.loads(self._connection.recv_bytes())
        return Message(kind=document["kind"], body=document["body"])

    def close(self) -> None:
        """Close this end."""
        self._connection.close()


def setup_json(setup: Setup) -> Struct:
    """Return a Setup as JSON-like data."""
    return asdict(setup)


def setup_of(body: Mapping[str, Value]) -> Setup:
    """Return the Setup that `setup_json` made."""
    account = body["account"]
    assert isinstance(account, dict)
    facts = AccountFacts(**account)  # type: ignore[arg-type]  # made by asdict of the same class
    return Setup(**{**body, "account": facts})  # type: ignore[arg-type]


def task_of(body: Mapping[str, Value]) -> Task:
    """Return the Task that `asdict` made; lists become tuples again."""
    values = {key: tuple(item) if isinstance(item, list) else item for key, item in body.items()}
    return Task(**values)  # type: ignore[arg-type]


def error_json(error: errors.CellctlError) -> Struct:
    """Return a typed error as data."""
    body: Struct = {
        "type": type(error).__name__,
        "summary": error.summary,
        "hint": error.hint,
        "code": error.code,
        "urn": error.urn,
    }
    if isinstance(error, errors.SpecError):
        body["problems"] = [asdict(problem) for problem in error.problems]
    if isinstance(error, errors.GuardError):
        body["objections"] = [asdict(objection) for objection in error.objections]
    return body


def error_of(body: Mapping[str, Value]) -> errors.CellctlError:
    """Return the typed error that `error_json` wrote; an unknown type becomes EngineError."""
    name, hint = str(body.get("type")), str(body.get("hint") or "")
    if name == "SpecError":
        return errors.SpecError([errors.Problem(**item) for item in _rows(body, "problems")], hint=hint)  # type: ignore[arg-type]
    if name == "GuardError":
        return errors.GuardError([errors.Objection(**item) for item in _rows(body, "objections")], hint=hint)  # type: ignore[arg-type]
    found = getattr(errors, name, errors.EngineError)
    cls = found if isinstance(found, type) and issubclass(found, errors.CellctlError) else errors.EngineError
    summary = str(body.get("summary") or "failed")
    return cls(summary, hint=hint, code=str(body.get("code") or ""), urn=str(body.get("urn") or ""))


def _rows(body: Mapping[str, Value], key: str) -> list[Struct]:
    rows = body.get(key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
