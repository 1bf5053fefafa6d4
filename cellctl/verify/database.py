"""The cell's database opens as the identity of its nodes, over TLS that is verified."""

from __future__ import annotations

from collections.abc import Mapping

from cellctl.dialer import Dialer
from cellctl.errors import CellctlError
from cellctl.sqlserver.availability import ha_mode
from cellctl.sqlserver.connection import Endpoint, Identity, Lost, SqlFailure, single
from cellctl.verify.checks import Check, CheckResult, SecretReader
from cellctl.verify.outputs import DatabaseTarget

_NO_LOGIN = 18456
_NO_USER = (916, 4060)


def database_check(database: DatabaseTarget, dialer: Dialer, secrets: SecretReader | None) -> Check:
    """Return the check that `database` opens as its login or identity and is the one that was meant."""

    def look() -> CheckResult:
        if secrets is None:
            return _failed(database, "nobody to ask for its secret", "", "verify_database_secret")
        try:
            opened, mode = _opened(database, dialer, secrets)
        except CellctlError as error:
            return _failed(database, error.summary, error.hint, "verify_database_secret")
        except SqlFailure as failure:
            return _refused(database, failure.number)
        except Lost as lost:
            return _failed(
                database,
                str(lost),
                "may this machine reach it? `cellctl doctor` tests the path",
                "verify_database_unreachable",
            )
        if opened != database.name:
            return _failed(database, f"it opened '{opened}' instead", "", "verify_database_other")
        who = database.login or database.identity or "cellctl"
        message = f"database {database.name} opens as {who}"
        if mode and database.expected and mode != database.expected:
            if mode == "mirroring" and database.administers:
                return _mirrored(database)
            message += f"; its server keeps {_SAID[mode]}, and is to keep {_SAID[database.expected]}"
        return CheckResult(kind="database", target=database.name, passed=True, message=message)

    return look


_SAID: Mapping[str, str] = {
    "single": "no second copy (RDS makes one in its maintenance window)",
    "mirroring": "a mirror, which Octopus does not support",
    "always_on": "an availability group",
}


def _mirrored(host: DatabaseTarget) -> CheckResult:
    """A host that mirrors takes fewer databases than were counted on, so it must not serve."""
    message = f"database host {host.server} mirrors its databases, and is to keep an availability group"
    hint = "a newer version of SQL Server has one; until then the host takes fewer databases"
    code = "verify_database_mode"
    return CheckResult(kind="database", target=host.server, passed=False, message=message, hint=hint, code=code)


def _opened(database: DatabaseTarget, dialer: Dialer, secrets: SecretReader) -> tuple[str, str]:
    """Sign in over verified TLS; return the name of the database that opened, and how its server keeps a second copy.

    Who administers the server asks it; of others it is told how it was when the database was made.
    """
    token = "" if database.login else secrets.database_token(database.identity)
    password = "" if token else secrets.read(database.password_secret)
    identity = Identity(token=token) if token else Identity(login=database.login, password=password)
    endpoint = Endpoint(dialer=dialer, server=database.server, port=database.port)
    with endpoint.opened(identity, database.name) as connection:
        opened = str(single(connection.rows("SELECT DB_NAME()")) or "")
        return opened, ha_mode(connection) if database.administers else database.found


def _refused(database: DatabaseTarget, number: int) -> CheckResult:
    if number == _NO_LOGIN:
        why = f"the server refuses the sign-in of {database.login or database.identity} (18456)"
        return _failed(database, why, "`cellctl up` sets the login's password again", "verify_database_login")
    if number in _NO_USER:
        why = f"{database.login or database.identity} signs in and has no user in the database ({number})"
        return _failed(database, why, "`cellctl up` makes the user again", "verify_database_user")
    what = f"error {number}" if number else "the sign-in broke off"
    return _failed(database, f"the server answers with {what}", "", "verify_database_error")


def _failed(database: DatabaseTarget, why: str, hint: str, code: str) -> CheckResult:
    message = f"database {database.name} does not open: {why}"
    return CheckResult(kind="database", target=database.name, passed=False, message=message, hint=hint, code=code)
