"""The handler of `cellctl:sql:CellDatabase`."""

from __future__ import annotations

import datetime
import secrets
import string
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import TypeVar

from cellctl.sqlserver.availability import ha_mode, second_copy
from cellctl.sqlserver.connection import Endpoint, Identity, Lost, SqlConnection, SqlFailure
from cellctl.state.values import Struct, Value
from cellctl_provider import inputs as common
from cellctl_provider.context import Context
from cellctl_provider.polling import poll
from cellctl_provider.protocol import (
    Check,
    Checked,
    Create,
    Created,
    Delete,
    Diff,
    Diffed,
    Found,
    ProviderError,
    Read,
    Update,
    Updated,
)
from cellctl_provider.sql import isolation, steps
from cellctl_provider.sql.backups import Backups, NoBackups
from cellctl_provider.sql.retries import Retries
from cellctl_provider.sql.wanted import FIELDS, OUTPUTS, Wanted, checked, owner_of, wanted

_TOKEN_AUDIENCE = "https://database.windows.net/"  # noqa: S105  the name of an audience
_PATIENT = 30
_BRIEF = 4
_UP_TO_DATE = "SYNCHRONIZED"
_COPY_EVERY_S = 15.0
_COPY_LIMIT_S = 30 * 60.0
_FRESH = datetime.timedelta(hours=24)
_T = TypeVar("_T")


class CellDatabaseHandler:
    """Makes a cell's database and its one identity, and proves that it opens nothing else.

    `backups` tells whether a database could be restored; without one, deletion needs `acceptDataLoss`.
    """

    def __init__(self, context: Context, backups: Backups | None = None) -> None:
        self._context = context
        self._backups: Backups = backups or NoBackups()

    def check(self, request: Check) -> Checked:
        """Validate inputs; names that could break out of T-SQL are refused here."""
        return checked(request)

    def diff(self, request: Diff) -> Diffed:
        """Compare inputs. A replacement deletes first: the name of the database is the same, or its server is."""
        found = common.diff(FIELDS, request)
        return Diffed(
            changes=found.changes,
            diffs=found.diffs,
            replaces=found.replaces,
            stables=("databaseId", "owner") if not found.replaces else (),
            delete_before_replace=bool(found.replaces),
            detailed=found.detailed,
        )

    def create(self, request: Create) -> Created:
        """Create or adopt the database, then everything in it, step by step; each step may be run again."""
        if request.preview:
            return Created(id="", properties=common.preview_of(request.properties, OUTPUTS))
        target = wanted(request.properties, owner=owner_of(request.urn))
        return Created(id=target.id, properties=request.properties | self._work(target).ensure())

    def update(self, request: Update) -> Updated:
        """Rotate the password, change the identity, repair what drifted; a former identity is taken out last.

        The login before stays where the program says so (`formerLogin`): nodes still open the database with it.
        """
        if request.preview:
            return Updated(properties=common.preview_of(request.news, ("provenAgainst", "haMode")))
        target = wanted(request.news, owner=owner_of(request.urn))
        work = self._work(target)
        outputs = work.ensure()
        kept = {target.user.casefold(), target.former_login.casefold()}
        for key in ("login", "identity", "formerLogin"):
            former = common.text(request.old_inputs, key)
            if former and former.casefold() not in kept:
                work.forget(former, is_login=target.engine == "rds")
        return Updated(properties=request.news | outputs)

    def read(self, request: Read) -> Found | None:
        """Return the database as its server describes it; None only when the server says that it is gone."""
        target = wanted(_located(request.properties | request.inputs, request.id), owner=owner_of(request.urn))
        work = self._work(target, attempts=_BRIEF)
        seen = work.seen()
        if seen is None:
            return None
        identified = seen["identified"] and work.signs_in()
        mode = work.mode()
        properties, inputs = dict(request.properties), dict(request.inputs or request.properties)
        for values in (properties, inputs):
            values |= {"collation": seen["collation"], "readCommittedSnapshot": seen["readCommittedSnapshot"]}
            if not identified:
                values.pop("login", None)
                values.pop("identity", None)
        properties |= {"databaseId": seen["databaseId"], **mode}
        for output in OUTPUTS:
            inputs.pop(output, None)
        return Found(id=target.id, properties=properties, inputs=inputs)

    def delete(self, request: Delete) -> None:
        """Drop user, login and database; refused unless a backup is proven or its loss is accepted."""
        target = wanted(_located(request.properties, request.id), owner=owner_of(request.urn))
        if target.engine == "rds" and not target.accept_data_loss:
            self._require_backup(target)
        self._work(target, attempts=_BRIEF).remove()

    def _require_backup(self, target: Wanted) -> None:
        point = self._backups.latest_restore_point(target.server, target.database)
        if point is None or point < datetime.datetime.now(datetime.UTC) - _FRESH:
            found = f"its last backup is of {point:%Y-%m-%d %H:%M}" if point else "no restore point is proven"
            raise ProviderError(
                f"database {target.database} is not dropped: {found}; back it up, or set acceptDataLoss",
                code="conflict",
            )

    def _work(self, target: Wanted, *, attempts: int = _PATIENT) -> _Work:
        return _Work(self._context, target, Retries(self._context.sleep, attempts=attempts))


def _located(values: Mapping[str, Value], id: str) -> Struct:
    """Return values with server, port and database from the id where they are missing (an import)."""
    server, _, database = id.rpartition("/")
    host, _, port = server.rpartition(":")
    return {"server": host, "port": int(port) if port.isdigit() else 1433, "database": database, **values}


class _Work:
    """One call's work on one database; keeps no secret longer than the call."""

    def __init__(self, context: Context, target: Wanted, retries: Retries) -> None:
        self._context, self._target, self._retries = context, target, retries
        self._endpoint = Endpoint(dialer=context.dialer, server=target.server, port=target.port)

    def _in(self, database: str, step: Callable[[SqlConnection], _T], *, what: str) -> _T:
        """Run one step on a connection of its own as the administrator; again where that may help."""

        def attempt() -> _T:
            with self._endpoint.opened(self._administrator, database) as connection:
                return step(connection)

        return self._retries.run(attempt, what=what)

    @cached_property
    def _administrator(self) -> Identity:
        """The administrator with the password of this moment: RDS changes it on its own every few days."""
        target = self._target
        if target.engine == "rds" and not target.administrator:
            raise ProviderError("RDS needs an administrator; an import needs the inputs of the program", code="invalid")
        if target.administrator:
            password = target.administrator_password or self._context.secrets.read(target.administrator_secret)
            return Identity(login=target.administrator, password=password)
        return Identity(token=self._context.credentials.azure_token(_TOKEN_AUDIENCE))

    def _login_password(self) -> str:
        if self._target.login_password:
            return self._target.login_password
        return self._context.secrets.ensure(self._target.login_secret, new_password).value

    def ensure(self) -> Struct:
        """Make everything so, prove it, read it back; return the outputs."""
        target = self._target
        if target.engine == "rds":
            self._in("master", lambda c: steps.ensure_database(c, target), what="create the database")
        self._in(target.database, lambda c: steps.ensure_ours(c, target), what="mark the database")
        self._in(self._home, lambda c: steps.ensure_collation(c, target), what="check the collation")
        self._in(self._home, lambda c: steps.ensure_snapshot(c, target), what="turn on READ_COMMITTED_SNAPSHOT")
        password = self._login_password() if target.login else ""
        self._ensure_user(password)
        self._in(target.database, lambda c: steps.ensure_owner_role(c, target), what="make the user db_owner")
        proof = self._prove(password)
        seen = self.seen()
        if seen is None or not seen["identified"]:
            raise ProviderError(f"database {target.database} or its user vanished meanwhile", code="conflict")
        listed: list[Value] = list(proof)
        outputs: Struct = {"owner": target.owner, "databaseId": seen["databaseId"], "provenAgainst": listed}
        return outputs | self._copied()

    def _copied(self) -> Struct:
        """Wait until the second copy of the database is up to date, where there is one; tell how the server keeps it.

        Before that a failover would lose what the cell wrote first.
        """
        target = self._target
        told = self.mode()
        if told.get("haMode", "single") == "single":
            return told
        state = ""

        def look() -> bool | None:
            nonlocal state
            state = self._in("master", lambda c: second_copy(c, target.database), what="look at the second copy")
            return True if state == _UP_TO_DATE else None

        poll(
            self._context,
            look,
            what=f"a second copy of database {target.database}",
            every_s=_COPY_EVERY_S,
            limit_s=_COPY_LIMIT_S,
            why=lambda: f"it is {state}" if state else "there is none",
        )
        return told

    @property
    def _home(self) -> str:
        """Where server-level statements run: master on RDS, the database itself on Azure SQL."""
        return "master" if self._target.engine == "rds" else self._target.database

    def _ensure_user(self, password: str) -> None:
        target = self._target
        if target.identity:
            self._in(target.database, lambda c: steps.ensure_identity(c, target), what="create the user")
        elif target.engine == "azure-sql":
            self._in(
                target.database, lambda c: steps.ensure_contained_user(c, target, password), what="create the user"
            )
        else:
            fits = self._retries.run(lambda: self._admits(password, "master"), what="try the login")
            self._in(
                "master", lambda c: steps.ensure_login(c, target, password, signs_in=fits), what="create the login"
            )
            sid = self._in("master", lambda c: steps.login_sid(c, target.login), what="look at the login")
            self._in(target.database, lambda c: steps.ensure_user_of_login(c, target, sid), what="create the user")

    def _prove(self, password: str) -> list[str]:
        target = self._target
        names = self._in("master", lambda c: isolation.probes(c, target), what="list the databases")
        if target.identity:
            return self._retries.run(
                lambda: isolation.prove_identity(self._endpoint, self._administrator, target.identity_client_id, names),
                what="prove the isolation",
            )
        identity = Identity(login=target.login, password=password)
        return self._retries.run(
            lambda: isolation.prove_login(self._endpoint, target, identity, names), what="prove the isolation"
        )

    def seen(self) -> Struct | None:
        """Return what the server says of the database and its user; None if it says that there is no database."""
        target = self._target
        state = self._in("master", lambda c: steps.look(c, target.database), what="look at the database")
        if state is None:
            return None
        roles = self._in(target.database, lambda c: steps.roles_of(c, target.user), what="look at the user")
        return {
            "databaseId": state.database_id,
            "collation": state.collation,
            "readCommittedSnapshot": state.read_committed_snapshot,
            "identified": "db_owner" in roles,
        }

    def mode(self) -> Struct:
        """Return how the server keeps a second copy now, nothing on Azure SQL, where that is the pool's business."""
        if self._target.engine != "rds":
            return {}
        return {"haMode": self._in("master", ha_mode, what="ask how the server keeps a second copy")}

    def signs_in(self) -> bool:
        """Tell whether the login opens the database with the password that is kept; True where that is not known."""
        target = self._target
        if not target.login:
            return True
        password = target.login_password or self._kept_password()
        if not password:
            return True
        try:
            return self._admits(password, target.database)
        except (SqlFailure, Lost):
            return True

    def _admits(self, password: str, database: str) -> bool:
        """Tell whether the server lets the login into a database with this password."""
        try:
            with self._endpoint.opened(Identity(login=self._target.login, password=password), database):
                return True
        except SqlFailure as failure:
            if failure.number in {18456, 4060}:
                return False
            raise

    def _kept_password(self) -> str:
        """Return the login's password without making one; empty where it is missing or may not be read (a preview)."""
        try:
            return self._context.secrets.read(self._target.login_secret)
        except ProviderError:
            return ""

    def forget(self, user: str, *, is_login: bool) -> None:
        """Take a former user out of the database, and its login out of the server."""
        self._in(self._target.database, lambda c: steps.drop_user(c, user), what="drop the former user")
        if is_login:
            self._drop_login(user)

    def _drop_login(self, login: str) -> None:
        self._in("master", lambda c: steps.disable_login(c, login), what="disable the login")
        self._in("master", lambda c: steps.end_login_sessions(c, login), what="close the login's sessions")
        self._in("master", lambda c: steps.drop_login(c, login), what="drop the login")

    def remove(self) -> None:
        """Drop what this resource made; what is gone already is no error."""
        target = self._target
        state = self._in("master", lambda c: steps.look(c, target.database), what="look at the database")
        if state is not None:
            owner = self._in(target.database, steps.marker, what="look at the mark")
            if owner not in {None, target.owner}:
                raise ProviderError(f"database {target.database} belongs to {owner}; it is kept", code="conflict")
        if target.engine == "azure-sql":
            for user in filter(None, (target.user, target.former_login) if state is not None else ()):
                self._in(target.database, partial(steps.drop_user, user=user), what="drop the user")
            return
        if target.login:
            self._in("master", lambda c: steps.disable_login(c, target.login), what="disable the login")
        if state is not None:
            self._in("master", lambda c: _drop(c, target, state.database_id), what="drop the database")
        if target.login:
            self._drop_login(target.login)


def _drop(connection: SqlConnection, target: Wanted, database_id: int) -> None:
    steps.close_sessions(connection, database_id)
    steps.drop_database(connection, target.database)


def new_password() -> str:
    """Return a password that every policy of SQL Server takes: 32 characters of four classes."""
    alphabet = string.ascii_letters + string.digits + "-_.!"
    return "Aa1-" + "".join(secrets.choice(alphabet) for _ in range(28))
