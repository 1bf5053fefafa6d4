"""One connection to SQL Server: python-tds over a verified channel, with errors as values that hold no secret."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import pytds  # type: ignore[import-untyped]
import pytds.tds_base  # type: ignore[import-untyped]

from cellctl.dialer import Dialer
from cellctl.sqlserver.channel import AttemptFailed, Channel, Rerouted

SqlValue: TypeAlias = bool | int | float | str | bytes | None
Row: TypeAlias = tuple[SqlValue, ...]

_LOGIN_TIMEOUT_S = 30.0
_QUERY_TIMEOUT_S = 300.0
_MOST_HOPS = 3

TRANSIENT = frozenset({
    1205, 1222, 3960, 4221, 5061, 5070, 10928, 10929, 10936, 40143, 40166, 40197, 40501, 40540, 40613, 42108, 42109,
    49918, 49919, 49920,
})  # fmt: skip
"""Errors after which the same step is tried again. Source: Microsoft, "Troubleshoot transient connection errors"
(2024-05), and locks that pass: 1205, 1222, 3960, 5061, 5070."""


class SqlFailure(Exception):
    """The server refused a statement or a login: `number` is SQL Server's, `text` its message without secrets."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(f"SQL Server error {number}: {text}")
        self.number = number
        self.text = text

    @property
    def transient(self) -> bool:
        """Tell whether trying again may help."""
        return self.number in TRANSIENT

    @property
    def no_such_database(self) -> bool:
        """Tell whether the login failed because the database is not there, or does not admit it."""
        return self.number == 4060


class Lost(Exception):
    """The connection could not be made or was lost; whether the last statement ran is unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """As whom to log in: a login with its password, or an access token. The repr shows no secret."""

    login: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


class SqlConnection:
    """An open connection in autocommit: every statement is durable when it returns."""

    def __init__(self, connection: pytds.Connection, channel: Channel) -> None:
        self._connection, self._channel = connection, channel

    def rows(self, statement: str, *values: SqlValue) -> list[Row]:
        """Run a statement with parameters (`%s` each; a bare `%` is `%%`) and return its rows."""
        with _translated(), self._connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def run(self, statement: str, *, secret: str = "") -> None:
        """Run a statement that takes no parameters and gives no rows; `secret` is taken out of any error's text."""
        try:
            with _translated(), self._connection.cursor() as cursor:
                cursor.execute(statement)
        except SqlFailure as failure:
            raise SqlFailure(failure.number, _without(failure.text, secret)) from None

    def close(self) -> None:
        """Close; a connection that is gone already is no error."""
        with contextlib.suppress(Exception):
            self._connection.close()
        self._channel.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A server's name and port, reached through a dialer."""

    dialer: Dialer
    server: str
    port: int

    @contextlib.contextmanager
    def opened(self, identity: Identity, database: str) -> Iterator[SqlConnection]:
        """Lend a connection to `database` as `identity`.

        Raises:
            SqlFailure: The server refused the login. 4060 where the database is missing or closed to it.
            Lost: The server cannot be reached, or is not the one that was meant.
        """
        connection = self._connect(identity, database)
        try:
            yield connection
        finally:
            connection.close()

    def _connect(self, identity: Identity, database: str) -> SqlConnection:
        """Log in, and again at the worker that the server names; each one's certificate must carry its own name."""
        host, port = self.server, self.port
        for _ in range(_MOST_HOPS):
            try:
                return self._log_in(host, port, identity, database)
            except Rerouted as rerouted:
                host, port = rerouted.server, rerouted.port
        raise Lost(f"{self.server} sends its clients round in circles")

    def _log_in(self, host: str, port: int, identity: Identity, database: str) -> SqlConnection:
        try:
            route = self.dialer.route(host, port)
            channel = Channel(route, host, timeout_s=_LOGIN_TIMEOUT_S, fedauth=bool(identity.token))
        except OSError as problem:
            raise Lost(f"{host}:{port} cannot be reached: {problem}") from None
        try:
            connection = pytds.connect(
                dsn=self.server,
                sock=channel,
                database=database,
                user=identity.login or None,
                password=identity.password or None,
                access_token_callable=(lambda: identity.token) if identity.token else None,
                login_timeout=_LOGIN_TIMEOUT_S,
                timeout=_QUERY_TIMEOUT_S,
                appname="cellctl",
                autocommit=True,
                disable_connect_retry=True,
            )
        except Rerouted:
            raise
        except AttemptFailed as failed:
            raise _login_failure(failed.__cause__, self.server) from None
        except Exception as problem:
            channel.established = True
            channel.close()
            raise _failure(problem) from None
        channel.established = True
        return SqlConnection(connection, channel)


def _login_failure(cause: BaseException | None, server: str) -> Exception:
    if isinstance(cause, pytds.tds_base.DatabaseError):
        # The server says 4060 first and 18456 last; python-tds keeps the last number and both texts.
        text = str(cause.args[0])
        return SqlFailure(4060 if "Cannot open database" in text else int(cause.number), text)
    return Lost(f"{server}: the connection was lost while logging in")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (SqlFailure, Lost):
        raise
    except Exception as problem:
        raise _failure(problem) from None


def _failure(problem: Exception) -> Exception:
    if isinstance(problem, pytds.tds_base.DatabaseError):
        return SqlFailure(int(problem.number), problem.text)
    if isinstance(problem, OSError | pytds.tds_base.Error | AttributeError):
        return Lost("the connection was lost")
    return problem


def _without(text: str, secret: str) -> str:
    if not secret:
        return text
    return text.replace(secret.replace("'", "''"), "***").replace(secret, "***")


def single(rows: Sequence[Row]) -> SqlValue:
    """Return the first value of the first row, None without rows."""
    return rows[0][0] if rows else None
