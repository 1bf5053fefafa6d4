"""Restore points as values: as a run sees them, and as the registry has them. Nothing heavy is loaded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class PointSeen:
    """A moment to which a database can be brought back, times in unix seconds by the cloud's clock.

    `kind`: `point_in_time` (the last such moment, of a host that lives), `before_upgrade`, `final_snapshot`,
    `kept_backups` (backups that outlive their database). `location`: what its service calls the backups. `files_time`:
    up to when files can be brought back beside it, None where they are as they are now. `expires` None: until somebody
    deletes it.
    """

    kind: str
    location: str
    db_time: float
    files_time: float | None = None
    expires: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RestorePoint:
    """A moment to which a cell can be brought back. Fields as `PointSeen` has them.

    `master_key` and `master_key_version`: the secret that must be had for it. `operation`: the run that it was made
    for, `` for one that moves on by itself. `state`: `there`, or `expected` of a run that has not ended.
    """

    account: str
    cell: str
    incarnation: int
    kind: str
    location: str
    db_time: float
    files_time: float | None
    expires: float | None
    master_key: str
    master_key_version: str
    operation: str
    state: str
