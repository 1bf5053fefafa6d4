"""A small world for tests of runs: one package `small`, one type, objects in a SQLite file, faults on request.

The embedded engine is the real one; only the cloud is small. Use it as an engine by its import path:

    RunOptions(engine="cellctl_sandbox.testing.small_world:open_host")

`HOME/small.json` says what the program declares and how the cloud behaves:

    {"things": [{"name": "a", "size": 1, "fixed": "x", "protect": true, "of": "b", "secret": "…"}],
     "behaviour": {"a": {"sleep_s": 5.0, "after": true, "fail": "quota exceeded", "crash": true}}}

`fixed` replaces. `sleep_s` waits before the object is made, with `after` once it is. `crash` ends the process, and
`lost` loses the answer.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cellctl.dialer import DirectDialer
from cellctl.state.values import Struct, bare_struct
from cellctl_provider.protocol import (
    Check,
    Checked,
    Configure,
    Create,
    Created,
    Delete,
    Diff,
    Diffed,
    Found,
    Invoke,
    Invoked,
    PropertyDiff,
    ProviderError,
    Read,
    Update,
    Updated,
)
from cellctl_sandbox.engine.command import EmbeddedCommand


class World:
    """The objects of one small world; any number of processes use it at once."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._stop = threading.Event()
        with closing(self._open()) as db, db:
            db.execute("CREATE TABLE IF NOT EXISTS objects (id TEXT PRIMARY KEY, urn TEXT, body TEXT)")

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._home / "small.db", timeout=20)

    def settings(self) -> Mapping[str, list[Struct]]:
        """Return what `small.json` says."""
        path = self._home / "small.json"
        found: dict[str, list[Struct]] = json.loads(path.read_text()) if path.exists() else {}
        return {key: value for key, value in found.items() if key == "things"}

    def rule(self, name: str) -> Struct:
        """Return how the cloud behaves for an object of this name."""
        path = self._home / "small.json"
        found: dict[str, dict[str, Struct]] = json.loads(path.read_text()) if path.exists() else {}
        return found.get("behaviour", {}).get(name, {})

    def objects(self) -> dict[str, tuple[str, Struct]]:
        """Return (urn, properties) of every object by id."""
        with closing(self._open()) as db, db:
            rows = db.execute("SELECT id, urn, body FROM objects ORDER BY id").fetchall()
        return {row[0]: (row[1], json.loads(row[2])) for row in rows}

    def put(self, urn: str, body: Struct, id_: str = "") -> str:
        """Store an object; a new one gets the next id of its name."""
        with closing(self._open()) as db, db:
            db.execute("BEGIN IMMEDIATE")
            number = db.execute("SELECT count(*) FROM objects WHERE urn = ?", (urn,)).fetchone()[0]
            found = id_ or f"{urn.rsplit('::', 1)[-1]}-{number}-{os.urandom(2).hex()}"
            db.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?)", (found, urn, json.dumps(body)))
        return found

    def remove(self, id_: str) -> None:
        """Delete an object; nothing happens if it is not there."""
        with closing(self._open()) as db, db:
            db.execute("DELETE FROM objects WHERE id = ?", (id_,))

    def behave(self, name: str, *, after: bool) -> None:
        """Do what `behaviour` says about this object at this point."""
        rule = self.rule(name)
        if not rule or bool(rule.get("after")) != after:
            return
        (self._home / f"reached-{name}").touch()
        self._stop.wait(float(str(rule.get("sleep_s") or 0)))
        if rule.get("crash"):
            os._exit(70)
        if rule.get("lost"):
            raise ProviderError("the connection was lost", code="unreachable")
        if rule.get("fail"):
            raise ProviderError(str(rule["fail"]), code="quota")


class SmallProvider:
    """The provider of package `small`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def check_config(self, request: Check) -> Checked:
        """Accept any configuration."""
        return Checked(inputs=request.news)

    def diff_config(self, request: Diff) -> Diffed:
        """No configuration differs."""
        del request
        return Diffed(changes="none")

    def configure(self, request: Configure) -> None:
        """Nothing to take."""

    def check(self, request: Check) -> Checked:
        """Accept everything."""
        return Checked(inputs=request.news)

    def diff(self, request: Diff) -> Diffed:
        """Compare inputs key by key; `fixed` replaces."""
        keys = {*request.old_inputs, *request.news}
        changed = sorted(key for key in keys if request.old_inputs.get(key) != request.news.get(key))
        detailed = {
            key: PropertyDiff(kind="update-replace" if key == "fixed" else "update", input_diff=True) for key in changed
        }
        return Diffed(
            changes="some" if changed else "none",
            diffs=tuple(changed),
            replaces=tuple(key for key in changed if key == "fixed"),
            detailed=detailed,
        )

    def create(self, request: Create) -> Created:
        """Make an object."""
        if request.preview:
            return Created(id="", properties=request.properties)
        name = request.urn.rsplit("::", 1)[-1]
        self._world.behave(name, after=False)
        id_ = self._world.put(request.urn, bare_struct(request.properties))
        self._world.behave(name, after=True)
        return Created(id=id_, properties={**request.properties, "address": f"address-of-{id_}"})

    def read(self, request: Read) -> Found | None:
        """Look an object up."""
        found = self._world.objects().get(request.id)
        if refused := self._world.rule(request.urn.rsplit("::", 1)[-1]).get("unreadable"):
            raise ProviderError(str(refused), code="auth")
        if found is None:
            return None
        body = {**found[1]}
        return Found(id=request.id, properties={**body, "address": f"address-of-{request.id}"}, inputs=body)

    def update(self, request: Update) -> Updated:
        """Change an object."""
        if not request.preview:
            self._world.behave(request.urn.rsplit("::", 1)[-1], after=False)
            self._world.put(request.urn, bare_struct(request.news), request.id)
        return Updated(properties={**request.news, "address": f"address-of-{request.id}"})

    def delete(self, request: Delete) -> None:
        """Delete an object."""
        self._world.behave(request.urn.rsplit("::", 1)[-1], after=False)
        self._world.remove(request.id)

    def invoke(self, request: Invoke) -> Invoked:
        """There are no functions."""
        raise ProviderError(f"unknown function {request.token}", code="invalid")

    def cancel(self) -> None:
        """End waits early would hide what an interrupt must wait for, so nothing."""

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class SmallFactory:
    """Makes providers of one world."""

    world: World
    package: str = "small"
    version: str = "1.0.0"

    def __call__(self) -> SmallProvider:
        """Return a provider."""
        return SmallProvider(self.world)


class SmallHost:
    """The embedded engine over a small world, with its own program."""

    name = "embedded"

    def __init__(self, home: Path, cell: str, cloud: str) -> None:
        from cellctl_sandbox.testing import small_program

        self.world = World(home)
        self.command = EmbeddedCommand({"small": SmallFactory(self.world)})
        self.version = str(self.command.version)
        self.environment: Mapping[str, str] = {}
        self.dialer = DirectDialer()
        self.cloud = small_program.SmallCloud(self.world, cell, cloud)

    def simulated_now(self) -> float | None:
        """Time is real here."""
        return None

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def look_up(self, urn: str) -> list[str]:
        """Return the ids of the objects that a URN has made."""
        return [id_ for id_, (owner, _) in self.world.objects().items() if owner == urn]

    def interrupt(self) -> None:
        """Stop gracefully."""
        self.command.interrupt()

    def close(self) -> None:
        """Nothing is held."""


def open_host(*, home: Path, cell: str, cloud: str, clock: str = "") -> SmallHost:
    """Open a small world; the signature of `cellctl.engines`."""
    del clock
    return SmallHost(home, cell, cloud)
