"""What processes of their own do to a simulated cloud: importable by name, so that a fork server can start them.

They are no forks of the test's process: its threads may hold a lock at that moment, and nobody would ever free it.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.process import BaseProcess
from pathlib import Path

from cellctl.state.values import Struct
from cellctl_provider.protocol import Create
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.provider import CloudFactory, SimulatedCloud

BUCKET = "aws:s3/bucket:Bucket"
_FORKS = multiprocessing.get_context("forkserver")
_PRELOADED = ["cellctl_sandbox.clouds.provider", "cellctl_sandbox.clouds.clock", "cellctl_sandbox.clouds.database"]


def urn(token: str, name: str, cell: str = "acme") -> str:
    """Return the URN of an object of a cell."""
    return f"urn:pulumi:cell-{cell}::p::{token}::{name}"


def create(cloud: SimulatedCloud, token: str, name: str, inputs: Struct, *, cell: str = "acme") -> str:
    """Create an object and return its id."""
    return cloud.create(Create(urn=urn(token, name, cell), properties=inputs, type=token, name=name)).id


def make(home: Path, prefix: str, count: int) -> None:
    """Make buckets one after the other, in a process of its own."""
    database = Database.open(home)
    SimulatedClock.of(database).pace = 0.0
    provider = CloudFactory("aws", database)()
    for index in range(count):
        create(provider, BUCKET, f"{prefix}{index}", {"bucket": f"{prefix}-{index}"})
    SimulatedClock.of(database).close()


def maker(home: Path, prefix: str, count: int) -> BaseProcess:
    """Start a process that makes buckets."""
    _FORKS.set_forkserver_preload(_PRELOADED)
    process = _FORKS.Process(target=make, args=(home, prefix, count))
    process.start()
    return process
