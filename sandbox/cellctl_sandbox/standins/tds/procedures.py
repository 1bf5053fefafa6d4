"""The stored procedures that clients here call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from cellctl_sandbox.standins.tds import errors
from cellctl_sandbox.standins.tds.context import Context
from cellctl_sandbox.standins.tds.errors import SqlError
from cellctl_sandbox.standins.tds.model import key
from cellctl_sandbox.standins.tds.run_databases import drop_database
from cellctl_sandbox.standins.tds.run_principals import change_member
from cellctl_sandbox.standins.tds.statements import RoleMember
from cellctl_sandbox.standins.tds.values import SqlValue, text_of

_Arguments: TypeAlias = list[tuple[str, SqlValue]]
_Procedure: TypeAlias = Callable[[Context, _Arguments], None]


def call(context: Context, name: str, arguments: _Arguments) -> None:
    """Call a procedure by its name as written, with evaluated arguments."""
    parts = [key(part) for part in name.split(".")]
    if parts[-1] == "rds_drop_database" and (context.facts.kind != "rds" or parts[0] != "msdb"):
        raise errors.invalid_procedure(name)
    procedure = _PROCEDURES.get(parts[-1])
    if procedure is None:
        raise errors.invalid_procedure(name)
    procedure(context, arguments)


def _bound(arguments: _Arguments, names: tuple[str, ...], procedure: str) -> dict[str, SqlValue]:
    """Return arguments by name, positional ones in the order of `names`."""
    found: dict[str, SqlValue] = {}
    for position, (name, value) in enumerate(arguments):
        wanted = key(name.lstrip("@")) if name else (names[position] if position < len(names) else "")
        if wanted not in names:
            raise SqlError(8145, f"{name or procedure} is not a parameter for procedure {procedure}.", state=2)
        found[wanted] = value
    return found


def _add_role_member(context: Context, arguments: _Arguments) -> None:
    bound = _bound(arguments, ("rolename", "membername"), "sp_addrolemember")
    role, member = text_of(bound.get("rolename")), text_of(bound.get("membername"))
    change_member(context, RoleMember(text="sp_addrolemember", role=role, member=member, add=True))


def _drop_role_member(context: Context, arguments: _Arguments) -> None:
    bound = _bound(arguments, ("rolename", "membername"), "sp_droprolemember")
    role, member = text_of(bound.get("rolename")), text_of(bound.get("membername"))
    change_member(context, RoleMember(text="sp_droprolemember", role=role, member=member, add=False))


_PROPERTY = ("name", "value", "level0type", "level0name", "level1type", "level1name", "level2type", "level2name")


def _property(context: Context, arguments: _Arguments, procedure: str) -> tuple[str, str]:
    bound = _bound(arguments, _PROPERTY, procedure)
    if not context.may("CONTROL"):
        raise errors.no_permission()
    if any(bound.get(level) is not None for level in _PROPERTY[2:]):
        raise SqlError(15600, f"An invalid parameter or option was specified for procedure '{procedure}'.")
    return text_of(bound.get("name")), text_of(bound.get("value"))


def _add_property(context: Context, arguments: _Arguments) -> None:
    name, value = _property(context, arguments, "sp_addextendedproperty")
    if name in context.database.properties:
        raise SqlError(15233, f"Property cannot be added. Property '{name}' already exists for 'database'.")
    context.database.properties[name] = value


def _update_property(context: Context, arguments: _Arguments) -> None:
    name, value = _property(context, arguments, "sp_updateextendedproperty")
    if name not in context.database.properties:
        raise SqlError(
            15217, f"Property cannot be updated or deleted. Property '{name}' does not exist for 'database'."
        )
    context.database.properties[name] = value


def _drop_property(context: Context, arguments: _Arguments) -> None:
    name, _ = _property(context, arguments, "sp_dropextendedproperty")
    if context.database.properties.pop(name, None) is None:
        raise SqlError(
            15217, f"Property cannot be updated or deleted. Property '{name}' does not exist for 'database'."
        )


def _rds_drop_database(context: Context, arguments: _Arguments) -> None:
    if context.transactions:
        raise errors.in_transaction("DROP DATABASE")
    drop_database(context, text_of(_bound(arguments, ("db_name",), "rds_drop_database").get("db_name")))


def _reset(_context: Context, _arguments: _Arguments) -> None:
    return


_PROCEDURES: Mapping[str, _Procedure] = {
    "sp_addrolemember": _add_role_member,
    "sp_droprolemember": _drop_role_member,
    "sp_addextendedproperty": _add_property,
    "sp_updateextendedproperty": _update_property,
    "sp_dropextendedproperty": _drop_property,
    "rds_drop_database": _rds_drop_database,
    "sp_reset_connection": _reset,
}
