"""Errors of SQL Server: number, state, severity and text of sys.messages (SQL Server 2022, Azure SQL; 2024-06).

`ends_batch` tells that the rest of the batch is not run; `ends_session` that the connection is closed after it.
"""

from __future__ import annotations


class SqlError(Exception):
    """One error that the server reports to its client."""

    def __init__(
        self,
        number: int,
        text: str,
        *,
        state: int = 1,
        severity: int = 16,
        ends_batch: bool = True,
        ends_session: bool = False,
    ) -> None:
        super().__init__(text)
        self.number, self.text, self.state, self.severity = number, text, state, severity
        self.ends_batch, self.ends_session = ends_batch, ends_session or severity >= 20


def syntax(near: str, statement: str) -> SqlError:
    """102: the sandbox's grammar does not know this; the text quotes the statement."""
    shown = " ".join(statement.split())[:300]
    text = f"Incorrect syntax near '{near[:60]}'. (The sandbox does not know this statement: {shown})"
    return SqlError(102, text, severity=15)


def login_failed(user: str, *, state: int = 1) -> SqlError:
    """18456: wrong name or password; the client is not told which."""
    who = user or "<token-identified principal>"
    return SqlError(18456, f"Login failed for user '{who}'.", state=state, severity=14, ends_session=True)


def cannot_open(database: str) -> SqlError:
    """4060: the database of a login does not exist, or does not admit it."""
    text = f'Cannot open database "{database}" requested by the login. The login failed.'
    return SqlError(4060, text, severity=11, ends_session=True)


def not_able_to_access(login: str, database: str) -> SqlError:
    """916: the login has no user in the database."""
    text = (
        f'The server principal "{login}" is not able to access the database "{database}" under the current '
        "security context."
    )
    return SqlError(916, text, state=2, severity=14)


def no_database(name: str) -> SqlError:
    """911: USE of a database that does not exist."""
    return SqlError(911, f"Database '{name}' does not exist. Make sure that the name is entered correctly.")


def use_not_supported() -> SqlError:
    """40508: Azure SQL connections do not switch databases."""
    return SqlError(
        40508,
        "USE statement is not supported to switch between databases. Use a new connection to connect to a "
        "different database.",
    )


def only_in_master(statement: str) -> SqlError:
    """5001/226 kin: server-level statements of Azure SQL run in master only."""
    return SqlError(5001, f"User must be in the master database. ({statement})")


def database_exists(name: str) -> SqlError:
    """1801: CREATE DATABASE of one that exists."""
    return SqlError(1801, f"Database '{name}' already exists. Choose a different database name.", state=3)


def cannot_drop_database(name: str) -> SqlError:
    """3701: DROP DATABASE of one that does not exist, or no permission."""
    text = f"Cannot drop the database '{name}', because it does not exist or you do not have permission."
    return SqlError(3701, text, severity=11)


def database_in_use(name: str) -> SqlError:
    """3702: DROP DATABASE while sessions use it."""
    return SqlError(3702, f'Cannot drop database "{name}" because it is currently in use.', state=4)


def database_locked(name: str) -> SqlError:
    """5064/5070 kin: an ALTER DATABASE that needs the database alone."""
    text = f"Database state cannot be changed while other users are using the database '{name}'"
    return SqlError(5070, text, state=2)


def create_database_denied(name: str) -> SqlError:
    """262: no CREATE DATABASE permission."""
    return SqlError(262, f"CREATE DATABASE permission denied in database '{name}'.", severity=14)


def principal_exists(name: str, *, server: bool) -> SqlError:
    """15025: the login exists; 15023: the user, group or role exists."""
    if server:
        return SqlError(15025, f"The server principal '{name}' already exists.", state=2)
    return SqlError(15023, f"User, group, or role '{name}' already exists in the current database.")


def login_has_user(user: str) -> SqlError:
    """15063: a login may have one user in a database."""
    return SqlError(
        15063, "The login already has an account under a different user name." + (f" ({user})" if user else "")
    )


def cannot_find(kind: str, name: str, verb: str = "alter") -> SqlError:
    """15151: no such principal, or no permission."""
    text = f"Cannot {verb} the {kind} '{name}', because it does not exist or you do not have permission."
    return SqlError(15151, text)


def no_permission() -> SqlError:
    """15247: a server or database principal may not be changed by this one."""
    return SqlError(15247, "User does not have permission to perform this action.")


def no_login(name: str) -> SqlError:
    """15007: CREATE USER for a login that does not exist."""
    return SqlError(15007, f"'{name}' is not a valid login or you do not have permission.")


def invalid_object(name: str) -> SqlError:
    """208: no such table or view."""
    return SqlError(208, f"Invalid object name '{name}'.")


def invalid_column(name: str) -> SqlError:
    """207: no such column."""
    return SqlError(207, f"Invalid column name '{name}'.")


def invalid_procedure(name: str) -> SqlError:
    """2812: no such stored procedure."""
    return SqlError(2812, f"Could not find stored procedure '{name}'.", state=62)


def unknown_function(name: str) -> SqlError:
    """195: no such function."""
    return SqlError(195, f"'{name}' is not a recognized built-in function name.", state=10, severity=15)


def undeclared(variable: str) -> SqlError:
    """137: a variable that is not declared."""
    return SqlError(137, f'Must declare the scalar variable "{variable}".', state=2, severity=15)


def object_exists(name: str) -> SqlError:
    """2714: CREATE TABLE of one that exists."""
    return SqlError(2714, f"There is already an object named '{name}' in the database.", state=6)


def object_denied(permission: str, name: str, database: str) -> SqlError:
    """229: no permission on a table."""
    text = f"The {permission} permission was denied on the object '{name}', database '{database}', schema 'dbo'."
    return SqlError(229, text, state=5, severity=14)


def create_denied(what: str, database: str) -> SqlError:
    """262: no CREATE TABLE permission."""
    return SqlError(262, f"{what} permission denied in database '{database}'.", severity=14)


def duplicate_key(table: str, value: str) -> SqlError:
    """2627: a second row with the same key."""
    text = (
        f"Violation of PRIMARY KEY constraint. Cannot insert duplicate key in object 'dbo.{table}'. "
        f"The duplicate key value is ({value})."
    )
    return SqlError(2627, text, severity=14, ends_batch=False)


def null_refused(column: str, table: str) -> SqlError:
    """515: NULL into a column that takes none."""
    text = f"Cannot insert the value NULL into column '{column}', table '{table}'; column does not allow nulls."
    return SqlError(515, text, state=2, ends_batch=False)


def in_transaction(statement: str) -> SqlError:
    """226: not allowed in a multi-statement transaction."""
    return SqlError(226, f"{statement} statement not allowed within multi-statement transaction.", state=6)


def deadlock(spid: int) -> SqlError:
    """1205: another session changed the same database meanwhile; run the transaction again."""
    text = (
        f"Transaction (Process ID {spid}) was deadlocked on lock resources with another process and has been chosen "
        "as the deadlock victim. Rerun the transaction."
    )
    return SqlError(1205, text, state=51, severity=13)


def invalid_collation(name: str) -> SqlError:
    """448: no such collation."""
    return SqlError(448, f"Invalid collation '{name}'.", state=3)


def weak_password() -> SqlError:
    """15116/40632: the password policy refuses the password."""
    return SqlError(
        15116,
        "Password validation failed. The password does not meet SQL Server password policy requirements because "
        "it is too short.",
    )
