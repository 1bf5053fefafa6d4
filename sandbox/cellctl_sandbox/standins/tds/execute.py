"""Runs one statement that holds no other: changes the workspace, leaves rows or a count in the context."""

from __future__ import annotations

from cellctl_sandbox.standins.tds import errors
from cellctl_sandbox.standins.tds import statements as st
from cellctl_sandbox.standins.tds.context import Context
from cellctl_sandbox.standins.tds.errors import SqlError
from cellctl_sandbox.standins.tds.model import key
from cellctl_sandbox.standins.tds.procedures import call
from cellctl_sandbox.standins.tds.queries import evaluate, rows_of, run_query
from cellctl_sandbox.standins.tds.run_databases import alter_database, create_database, drop_databases
from cellctl_sandbox.standins.tds.run_principals import (
    change_login,
    change_member,
    change_user,
    create_role,
    drop_login,
    drop_role,
    drop_user,
)
from cellctl_sandbox.standins.tds.tokens import Notice
from cellctl_sandbox.standins.tds.values import text_of


def execute(context: Context, statement: st.Statement) -> None:  # noqa: C901, PLR0912  one case per statement
    """Run `statement` or raise `SqlError`; the workspace may then be thrown away."""
    match statement:
        case st.CreateDatabase():
            create_database(context, statement)
        case st.AlterDatabase():
            alter_database(context, statement)
        case st.Drop():
            _drop(context, statement)
        case st.Login():
            change_login(context, statement)
        case st.User():
            change_user(context, statement)
        case st.CreateRole():
            create_role(context, statement)
        case st.RoleMember():
            change_member(context, statement)
        case st.Query():
            run_query(context, statement.tokens, statement.text)
        case st.Execute():
            values = [(name, evaluate(context, tokens, statement.text)) for name, tokens in statement.arguments]
            call(context, statement.procedure, values)
        case st.Declare():
            for name, tokens in statement.variables:
                context.variables[key(name)] = evaluate(context, tokens, statement.text) if tokens else None
        case st.Assign():
            _assign(context, statement)
        case st.Kill():
            _kill(context, statement)
        case st.Print():
            context.notices.append(
                Notice(number=0, text=text_of(evaluate(context, statement.expression, statement.text)))
            )
        case st.Raise():
            _raise(context, statement)
        case st.Use():
            _use(context, statement)
        case st.SetOption():
            pass
        case _:
            raise errors.syntax(statement.text.split(maxsplit=1)[0], statement.text)


def _drop(context: Context, statement: st.Drop) -> None:
    {"database": drop_databases, "login": drop_login, "user": drop_user, "role": drop_role}[statement.kind](
        context, statement
    )


def _assign(context: Context, statement: st.Assign) -> None:
    if not statement.keep_without_rows:
        context.variables[key(statement.names[0])] = evaluate(context, statement.query, statement.text)
        return
    rows = rows_of(context, statement.query, statement.text)
    for row in rows[-1:]:
        for name, value in zip(statement.names, row, strict=True):
            context.variables[key(name)] = value


def _kill(context: Context, statement: st.Kill) -> None:
    if not context.may_on_server("ALTER ANY CONNECTION"):
        raise SqlError(6102, "User does not have permission to use the KILL statement.", severity=14)
    if statement.spid == context.spid:
        raise SqlError(6104, "Cannot use KILL to kill your own process.")
    for session in context.sessions.all():
        if session.spid == statement.spid:
            session.end()
            return
    raise SqlError(6106, f"Process ID {statement.spid} is not an active process ID.", state=2)


def _use(context: Context, statement: st.Use) -> None:
    if not context.kind.switches_databases:
        if key(statement.name) == key(context.database_name):
            return
        raise errors.use_not_supported()
    database = context.workspace.database(statement.name)
    if database is None:
        raise errors.no_database(statement.name)
    if not context.may_enter(database):
        raise errors.not_able_to_access(context.principal.name, database.name)
    if database.state == "OFFLINE":
        raise SqlError(942, f"Database '{database.name}' cannot be opened because it is offline.", severity=14)
    context.database_name = database.name


def _raise(context: Context, statement: st.Raise) -> None:
    first, second, third = (text_of(evaluate(context, one, statement.text)) for one in statement.arguments)
    if statement.throw:
        raise SqlError(int(first), second, state=int(third))
    severity = int(second)
    if severity <= 10:
        context.notices.append(Notice(number=50000, text=first, severity=severity))
        return
    raise SqlError(50000, first, state=int(third), severity=severity, ends_batch=False)
