"""How SQL Server on RDS keeps a second copy, asked of the server itself: what was asked of RDS does not tell.

Source: AWS's own query (reference octopus.md 2.5). RDS joins new databases to an availability group by itself, a
while after they were made (reference aws.md 2.6, from memory).
"""

from __future__ import annotations

from typing import Literal

from cellctl.sqlserver.connection import SqlConnection

HaMode = Literal["single", "mirroring", "always_on"]

_WITNESS = "rdsadmin"  # RDS's own database is copied wherever any is
_COPIES = (
    "SELECT m.mirroring_state_desc, r.synchronization_state_desc FROM sys.databases AS d "
    "LEFT JOIN sys.database_mirroring AS m ON m.database_id = d.database_id "
    "LEFT JOIN sys.dm_hadr_database_replica_states AS r ON r.database_id = d.database_id AND r.is_local = 1 "
    "WHERE d.name = %s"
)


def ha_mode(connection: SqlConnection) -> HaMode:
    """Return which mode the server really runs. `connection` is its administrator's, in master."""
    mirrored, grouped = _copies(connection, _WITNESS)
    return "mirroring" if mirrored else "always_on" if grouped else "single"


def second_copy(connection: SqlConnection, database: str) -> str:
    """Return the state of a database's second copy, as the server words it (`SYNCHRONIZED`), `` if it has none."""
    mirrored, grouped = _copies(connection, database)
    return mirrored or grouped


def _copies(connection: SqlConnection, database: str) -> tuple[str, str]:
    for mirrored, grouped in connection.rows(_COPIES, database):
        return str(mirrored or ""), str(grouped or "")
    return "", ""
