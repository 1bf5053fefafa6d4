"""What one statement runs in: the server, who asks, the current database, variables, and what it says back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from cellctl_sandbox.standins.tds.errors import SqlError
from cellctl_sandbox.standins.tds.model import DatabaseRecord, ServerRecord, key
from cellctl_sandbox.standins.tds.security import (
    Principal,
    has_database_permission,
    has_server_permission,
    user_name,
)
from cellctl_sandbox.standins.tds.servers import KINDS, ServerKind, SqlServerFacts
from cellctl_sandbox.standins.tds.store import Workspace
from cellctl_sandbox.standins.tds.tokens import Notice, ResultSet
from cellctl_sandbox.standins.tds.values import SqlValue


@dataclass(slots=True, eq=False)
class LiveSession:
    """An open connection as others see it."""

    spid: int
    login: str
    host: str
    program: str
    database: str
    end: Callable[[], None]


class Sessions:
    """The connections of one process's listener to one server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[int, LiveSession] = {}
        self._next = 51

    def begin(self, login: str, host: str, program: str, database: str, end: Callable[[], None]) -> LiveSession:
        """Register a connection; `end` closes it."""
        with self._lock:
            session = LiveSession(self._next, login, host, program, database, end)
            self._live[self._next] = session
            self._next += 1
            return session

    def finish(self, session: LiveSession) -> None:
        """Forget a connection."""
        with self._lock:
            self._live.pop(session.spid, None)

    def all(self) -> list[LiveSession]:
        """Return the open connections."""
        with self._lock:
            return list(self._live.values())

    def using(self, database: str, *, but: int) -> list[LiveSession]:
        """Return the connections whose current database this is, except one."""
        return [one for one in self.all() if key(one.database) == key(database) and one.spid != but]


@dataclass(kw_only=True, slots=True)
class Context:
    """One statement's surroundings. `result`, `count` and `notices` are its answer."""

    facts: SqlServerFacts
    principal: Principal
    workspace: Workspace
    database_name: str
    spid: int
    sessions: Sessions
    transactions: int = 0
    row_count: int = 0
    variables: dict[str, SqlValue] = field(default_factory=dict)
    result: ResultSet | None = None
    count: int | None = None
    notices: list[Notice] = field(default_factory=list)

    @property
    def kind(self) -> ServerKind:
        """What this kind of server allows."""
        return KINDS[self.facts.kind]

    @property
    def server(self) -> ServerRecord:
        """The server's logins."""
        server = self.workspace.server()
        assert server is not None
        return server

    @property
    def database(self) -> DatabaseRecord:
        """The current database; a session whose database was dropped is cut off."""
        database = self.workspace.database(self.database_name)
        if database is None:
            raise SqlError(911, f"Database '{self.database_name}' does not exist.", severity=20, ends_session=True)
        return database

    @property
    def user(self) -> str:
        """The user in the current database."""
        return user_name(self.database, self.principal, self.facts) or "guest"

    def may_on_server(self, permission: str) -> bool:
        """Tell whether the principal has a server permission."""
        return has_server_permission(self.server, self.principal, permission)

    def may(self, permission: str) -> bool:
        """Tell whether the user has a permission in the current database."""
        return has_database_permission(self.database, self.user, permission)

    def may_in(self, database: DatabaseRecord, permission: str) -> bool:
        """Tell whether the principal has a permission in a database."""
        user = user_name(database, self.principal, self.facts)
        return user is not None and has_database_permission(database, user, permission)

    def may_enter(self, database: DatabaseRecord) -> bool:
        """Tell whether the principal may open a database."""
        return user_name(database, self.principal, self.facts) is not None

    def owns(self, database: DatabaseRecord) -> bool:
        """Tell whether the principal may change or drop a database."""
        return self.may_in(database, "CONTROL")
