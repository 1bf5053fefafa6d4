"""Reads a batch into statements; what it does not know is error 102, and then nothing of the batch is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

from cellctl_sandbox.standins.tds import statements as st
from cellctl_sandbox.standins.tds.cursor import STARTERS, Cursor
from cellctl_sandbox.standins.tds.lexer import Token
from cellctl_sandbox.standins.tds.parse_principals import parse_login, parse_role, parse_server_role, parse_user

_Rule: TypeAlias = Callable[[Cursor], st.Statement]


def parse(batch: str) -> list[st.Statement]:
    """Return the statements of a batch."""
    cursor = Cursor(batch)
    found: list[st.Statement] = []
    while True:
        while cursor.accept_operator(";"):
            pass
        if cursor.at_end:
            return found
        found.append(_statement(cursor))


def _statement(cursor: Cursor) -> st.Statement:
    word = cursor.current.value.upper() if cursor.current.kind == "word" else ""
    rule = _RULES.get(word)
    if rule is None:
        raise cursor.error()
    return rule(cursor)


def _by_kind(rules: Mapping[str, _Rule], *, otherwise: _Rule) -> _Rule:
    """Return a rule that decides by the second word."""

    def rule(cursor: Cursor) -> st.Statement:
        kind = cursor.peek(1)
        return rules.get(kind.value.upper() if kind.kind == "word" else "", otherwise)(cursor)

    return rule


def _refuse(cursor: Cursor) -> st.Statement:
    raise cursor.error()


def _create_database(cursor: Cursor) -> st.Statement:
    start = cursor.start()
    cursor.words("CREATE", "DATABASE")
    name = cursor.name()
    collation = cursor.name() if cursor.accept("COLLATE") else ""
    options: dict[str, str] = {}
    if cursor.current.is_operator("("):
        options |= cursor.option_list()
    return st.CreateDatabase(text=cursor.since(start), name=name, collation=collation, options=options)


_SWITCHES = {
    "READ_COMMITTED_SNAPSHOT": ("ON", "OFF"),
    "ALLOW_SNAPSHOT_ISOLATION": ("ON", "OFF"),
    "AUTO_CLOSE": ("ON", "OFF"),
    "AUTO_SHRINK": ("ON", "OFF"),
    "AUTO_CREATE_STATISTICS": ("ON", "OFF"),
    "AUTO_UPDATE_STATISTICS": ("ON", "OFF"),
    "QUERY_STORE": ("ON", "OFF"),
    "RECOVERY": ("FULL", "SIMPLE", "BULK_LOGGED"),
}
_STATES = ("SINGLE_USER", "MULTI_USER", "RESTRICTED_USER", "READ_ONLY", "READ_WRITE", "ONLINE", "OFFLINE")


def _alter_database(cursor: Cursor) -> st.Statement:
    start = cursor.start()
    cursor.words("ALTER", "DATABASE")
    name = "" if cursor.accept("CURRENT") else cursor.name()
    if cursor.accept("COLLATE"):
        collation = cursor.name()
        return st.AlterDatabase(text=cursor.since(start), name=name, collation=collation)
    if cursor.accept("MODIFY"):
        cursor.words("NAME")
        cursor.operator("=")
        new_name = cursor.name()
        return st.AlterDatabase(text=cursor.since(start), name=name, new_name=new_name)
    cursor.words("SET")
    options = _database_options(cursor)
    rollback = False
    if cursor.accept("WITH"):
        rollback = bool(cursor.accept("ROLLBACK"))
        if rollback:
            cursor.words("IMMEDIATE")
        else:
            cursor.words("NO_WAIT")
    return st.AlterDatabase(text=cursor.since(start), name=name, options=options, rollback=rollback)


def _database_options(cursor: Cursor) -> dict[str, str]:
    options: dict[str, str] = {}
    while True:
        option = cursor.current.value.upper()
        if cursor.accept("COMPATIBILITY_LEVEL"):
            cursor.operator("=")
            options[option] = cursor.literal()
        elif cursor.accept(*_STATES):
            options["STATE"] = option
        else:
            cursor.words(*[option] if option in _SWITCHES else ["an option of ALTER DATABASE"])
            cursor.accept_operator("=")
            options[option] = cursor.one_of(*_SWITCHES[option])
        if not cursor.accept_operator(","):
            return options


def _drop(kind: Literal["database", "login", "user", "role"]) -> _Rule:
    def rule(cursor: Cursor) -> st.Statement:
        start = cursor.start()
        cursor.words("DROP", kind.upper())
        if_exists = bool(kind != "login" and cursor.accept("IF"))
        if if_exists:
            cursor.words("EXISTS")
        names = [cursor.name()]
        while kind == "database" and cursor.accept_operator(","):
            names.append(cursor.name())
        return st.Drop(text=cursor.since(start), kind=kind, names=names, if_exists=if_exists)

    return rule


def _use(cursor: Cursor) -> st.Statement:
    start = cursor.start()
    cursor.words("USE")
    name = cursor.name()
    return st.Use(text=cursor.since(start), name=name)


def _if(cursor: Cursor) -> st.Statement:
    start = cursor.start()
    cursor.words("IF")
    condition = cursor.until(STARTERS)
    if not condition:
        raise cursor.error()
    then = _statement(cursor)
    mark = cursor.start()
    while cursor.accept_operator(";"):
        pass
    otherwise = None
    if cursor.accept("ELSE"):
        otherwise = _statement(cursor)
    else:
        cursor.back_to(mark)
    return st.If(text=cursor.since(start), condition=condition, then=then, otherwise=otherwise)


def _begin(cursor: Cursor) -> st.Statement:
    start = cursor.start()
    cursor.words("BEGIN")
    if cursor.accept("TRAN", "TRANSACTION"):
        return _transaction(cursor, start, "begin")
    body = []
    while not cursor.accept("END"):
        if cursor.accept_operator(";"):
            continue
        body.append(_statement(cursor))
    return st.Block(text=cursor.since(start), body=body)


def _commit(cursor: Cursor) -> st.Statement:
    start = cursor.start()
    action: Literal["commit", "rollback"] = "commit" if cursor.one_of("COMMIT", "ROLLBACK") == "COMMIT" else "rollback"
    cursor.accept("TRAN", "TRANSACTION", "WORK")
    return _transaction(cursor, start, action)


def _transaction(cursor: Cursor, start: int, action: Literal["begin", "commit", "rollback"]) -> st.Statement:
    if cursor.current.is_name and not cursor.current.is_word(*STARTERS, "ELSE", "END"):
        cursor.name()
    return st.Transaction(text=cursor.since(start), action=action)


_SESSION_OPTIONS = (
    "NOCOUNT", "XACT_ABORT", "ANSI_NULLS", "ANSI_PADDING", "ANSI_WARNINGS", "ANSI_DEFAULTS", "ANSI_NULL_DFLT_ON",
    "QUOTED_IDENTIFIER", "ARITHABORT", "CONCAT_NULL_YIELDS_NULL", "NUMERIC_ROUNDABORT", "IMPLICIT_TRANSACTIONS",
    "CURSOR_CLOSE_ON_COMMIT", "FMTONLY", "NOEXEC",
)  # fmt: skip


def _set(cursor: Cursor) -> st.Statement:
    start = cursor.start()
    cursor.words("SET")
    if cursor.current.kind == "variable":
        name = cursor.advance().value
        cursor.operator("=")
        expression = cursor.until((*STARTERS, "END", "ELSE"))
        return st.Assign(text=cursor.since(start), names=[name], query=expression)
    if cursor.accept("TRANSACTION"):
        cursor.words("ISOLATION", "LEVEL")
        level = cursor.one_of("READ", "REPEATABLE", "SNAPSHOT", "SERIALIZABLE")
        if level in {"READ", "REPEATABLE"}:
            cursor.one_of("COMMITTED", "UNCOMMITTED", "READ")
    elif cursor.accept("TEXTSIZE", "LOCK_TIMEOUT", "ROWCOUNT", "DATEFIRST"):
        cursor.accept_operator("-")
        cursor.literal()
    elif cursor.accept("LANGUAGE", "DATEFORMAT"):
        cursor.name()
    else:
        _switches(cursor)
    return st.SetOption(text=cursor.since(start))


def _switches(cursor: Cursor) -> None:
    cursor.one_of(*_SESSION_OPTIONS)
    while cursor.accept_operator(","):
        cursor.one_of(*_SESSION_OPTIONS)
    cursor.one_of("ON", "OFF")


def _declare(cursor: Cursor) -> st.Statement:
    start = cursor.start()
    cursor.words("DECLARE")
    variables: list[tuple[str, Sequence[Token]]] = []
    while True:
        name = cursor.variable()
        cursor.accept("AS")
        cursor.type_name()
        initial: Sequence[Token] = ()
        if cursor.accept_operator("="):
            initial = cursor.until((*STARTERS, "END", "ELSE"), stop_at_comma=True)
        variables.append((name, initial))
        if not cursor.accept_operator(","):
            return st.Declare(text=cursor.since(start), variables=variables)


def _execute(cursor: Cursor) -> st.Statement:
    start = cursor.start()
    cursor.one_of("EXEC", "EXECUTE")
    if cursor.accept_operator("("):
        inner = cursor.until((), stop_at_close=True)
        cursor.operator(")")
        return st.Execute(text=cursor.since(start), procedure="", arguments=[("", inner)])
    procedure = cursor.dotted_name()
    arguments: list[tuple[str, Sequence[Token]]] = []
    while not (cursor.at_end or cursor.current.is_operator(";") or cursor.current.is_word(*STARTERS, "ELSE", "END")):
        name = ""
        if cursor.current.kind == "variable" and cursor.peek(1).is_operator("="):
            name = cursor.advance().value
            cursor.operator("=")
        arguments.append((name, cursor.until((*STARTERS, "ELSE", "END"), stop_at_comma=True)))
        if not cursor.accept_operator(","):
            break
    return st.Execute(text=cursor.since(start), procedure=procedure, arguments=arguments)


def _kill(cursor: Cursor) -> st.Statement:
    start = cursor.start()
    cursor.words("KILL")
    spid = cursor.literal()
    if not spid.isdigit():
        raise cursor.error()
    return st.Kill(text=cursor.since(start), spid=int(spid))


def _print(cursor: Cursor) -> st.Statement:
    start = cursor.start()
    cursor.words("PRINT")
    expression = cursor.until((*STARTERS, "ELSE", "END"))
    return st.Print(text=cursor.since(start), expression=expression)


def _raise(cursor: Cursor) -> st.Statement:
    start = cursor.start()
    throw = cursor.one_of("THROW", "RAISERROR") == "THROW"
    if not throw:
        cursor.operator("(")
    arguments = [cursor.until((*STARTERS, "ELSE", "END"), stop_at_comma=True, stop_at_close=True)]
    while cursor.accept_operator(","):
        arguments.append(cursor.until((*STARTERS, "ELSE", "END"), stop_at_comma=True, stop_at_close=True))
    if not throw:
        cursor.operator(")")
    if len(arguments) != 3:
        raise cursor.error()
    return st.Raise(text=cursor.since(start), arguments=arguments, throw=throw)


def _return(cursor: Cursor) -> st.Statement:
    start = cursor.start()
    cursor.words("RETURN")
    return st.Return(text=cursor.since(start))


def _select(cursor: Cursor) -> st.Statement:
    if cursor.peek(1).kind == "variable" and cursor.peek(2).is_operator("="):
        return _select_into_variables(cursor)
    return _query(cursor)


def _select_into_variables(cursor: Cursor) -> st.Statement:
    start = cursor.start()
    tokens, names = [cursor.advance()], []
    while True:
        names.append(cursor.variable())
        cursor.operator("=")
        tokens += cursor.until((*STARTERS, "ELSE", "END", "FROM"), stop_at_comma=True)
        if not cursor.current.is_operator(","):
            break
        tokens.append(cursor.advance())
    if cursor.current.is_word("FROM"):
        tokens += cursor.until((*STARTERS, "ELSE", "END"))
    return st.Assign(text=cursor.since(start), names=names, query=tokens, keep_without_rows=True)


def _query(cursor: Cursor) -> st.Statement:
    start = cursor.start()
    verb = cursor.current.value.upper()
    tokens = cursor.query_tokens()
    return st.Query(text=cursor.since(start), verb=verb, tokens=tokens)


_RULES: Mapping[str, _Rule] = {
    "CREATE": _by_kind(
        {
            "DATABASE": _create_database,
            "LOGIN": parse_login,
            "USER": parse_user,
            "ROLE": parse_role,
            "TABLE": _query,
        },
        otherwise=_refuse,
    ),
    "ALTER": _by_kind(
        {
            "DATABASE": _alter_database,
            "LOGIN": parse_login,
            "USER": parse_user,
            "ROLE": parse_role,
            "SERVER": parse_server_role,
        },
        otherwise=_refuse,
    ),
    "DROP": _by_kind(
        {
            "DATABASE": _drop("database"),
            "LOGIN": _drop("login"),
            "USER": _drop("user"),
            "ROLE": _drop("role"),
            "TABLE": _query,
        },
        otherwise=_refuse,
    ),
    "USE": _use,
    "IF": _if,
    "BEGIN": _begin,
    "COMMIT": _commit,
    "ROLLBACK": _commit,
    "SET": _set,
    "DECLARE": _declare,
    "EXEC": _execute,
    "EXECUTE": _execute,
    "KILL": _kill,
    "PRINT": _print,
    "THROW": _raise,
    "RAISERROR": _raise,
    "RETURN": _return,
    "SELECT": _select,
    "WITH": _query,
    "INSERT": _query,
    "UPDATE": _query,
    "DELETE": _query,
    "TRUNCATE": _query,
}
