"""The cell's database opens as the identity of its nodes, over TLS that is verified."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytds
import pytds.tds_base

from cellctl.dialer import Dialer, Route
from cellctl.errors import CellctlError
from cellctl.verify.checks import Check, CheckResult, SecretReader
from cellctl.verify.outputs import DatabaseTarget

_TIMEOUT_S = 15.0
_NO_LOGIN = 18456
_NO_USER = (916, 4060)


def database_check(database: DatabaseTarget, dialer: Dialer, secrets: SecretReader | None) -> Check:
    """Return the check that `database` opens as its login or identity and is the one that was meant."""

    def look() -> CheckResult:
        if secrets is None:
            return _failed(database, "nobody to ask for its secret", "", "verify_database_secret")
        try:
            opened = _opened(database, dialer.route(database.server, database.port), secrets)
        except CellctlError as error:
            return _failed(database, error.summary, error.hint, "verify_database_secret")
        except pytds.tds_base.Error as error:
            return _refused(database, error)
        except OSError:
            return _failed(
                database,
                f"{database.server}:{database.port} cannot be reached, or its certificate is not trusted",
                "may this machine reach it? `cellctl doctor` tests the path",
                "verify_database_unreachable",
            )
        if opened != database.name:
            return _failed(database, f"it opened '{opened}' instead", "", "verify_database_other")
        who = database.login or database.identity
        message = f"database {database.name} opens as {who}"
        return CheckResult(kind="database", target=database.name, passed=True, message=message)

    return look


def _opened(database: DatabaseTarget, route: Route, secrets: SecretReader) -> str:
    """Sign in over verified TLS and return the name of the database that opened."""
    with _anchor_file(route) as anchor:
        connection = _connection(database, route, secrets, anchor)
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT DB_NAME()")
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def _connection(database: DatabaseTarget, route: Route, secrets: SecretReader, anchor: str) -> pytds.Connection:
    """Connect to the route, with the certificate checked against the name that nodes dial."""
    token = secrets.database_token(database.identity) if database.identity else ""
    password = "" if token else secrets.read(database.password_secret)
    return pytds.connect(
        dsn=database.server,
        sock=socket.create_connection((route.host, route.port), timeout=_TIMEOUT_S),
        database=database.name,
        user=database.login or None,
        password=password or None,
        access_token_callable=(lambda: token) if token else None,
        login_timeout=_TIMEOUT_S,
        cafile=anchor,
        autocommit=True,
        disable_connect_retry=True,
        validate_host=True,
    )


@contextlib.contextmanager
def _anchor_file(route: Route) -> Iterator[str]:
    """Yield the path of the CA file to trust: the route's anchor, else the system's bundle."""
    if not route.trust_anchor:
        yield ssl.get_default_verify_paths().cafile or ""
        return
    with tempfile.TemporaryDirectory(prefix="cellctl-") as folder:
        path = Path(folder) / "anchor.pem"
        path.write_text(route.trust_anchor)
        yield str(path)


def _refused(database: DatabaseTarget, error: pytds.tds_base.Error) -> CheckResult:
    number = getattr(error, "number", 0)
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
