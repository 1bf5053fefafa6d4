"""The cell's database opens as the identity of its nodes, over TLS that is verified."""

from __future__ import annotations

from cellctl.dialer import Dialer
from cellctl.errors import CellctlError
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
            opened = _opened(database, dialer, secrets)
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
        return CheckResult(kind="database", target=database.name, passed=True, message=message)

    return look


def _opened(database: DatabaseTarget, dialer: Dialer, secrets: SecretReader) -> str:
    """Sign in over verified TLS and return the name of the database that opened."""
    token = "" if database.login else secrets.database_token(database.identity)
    password = "" if token else secrets.read(database.password_secret)
    identity = Identity(token=token) if token else Identity(login=database.login, password=password)
    endpoint = Endpoint(dialer=dialer, server=database.server, port=database.port)
    with endpoint.opened(identity, database.name) as connection:
        return str(single(connection.rows("SELECT DB_NAME()")) or "")


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
