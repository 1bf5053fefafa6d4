"""SELECT, INSERT, UPDATE, DELETE and tables: sqlglot reads them, SQLite in memory runs them on copies.

Names of tables and views are resolved against the server's facts first (208), functions against a list (195); a
statement's changes are read back only when all of it succeeded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.sqlite import SQLite

from cellctl_sandbox.standins.tds import errors
from cellctl_sandbox.standins.tds.context import Context
from cellctl_sandbox.standins.tds.errors import SqlError
from cellctl_sandbox.standins.tds.functions import NATIVE, TYPES, functions, global_variable
from cellctl_sandbox.standins.tds.lexer import Token
from cellctl_sandbox.standins.tds.model import DatabaseRecord, TableRecord, key
from cellctl_sandbox.standins.tds.tables import SQLITE_TYPES, create_table, declare, loaded_rows, read_back
from cellctl_sandbox.standins.tds.tokens import Column, ResultSet
from cellctl_sandbox.standins.tds.values import NVARCHAR, ColumnType, SqlValue, type_of
from cellctl_sandbox.standins.tds.views import Relation, view


class _Sqlite(SQLite):
    """SQLite with names in backticks: a name in double quotes that is no column would be taken for a text."""

    class Tokenizer(SQLite.Tokenizer):
        IDENTIFIERS: ClassVar[list[str | tuple[str, str]]] = ["`"]


_BARE_FUNCTIONS = {"CURRENT_USER", "SESSION_USER", "SYSTEM_USER"}


def run_query(context: Context, tokens: Sequence[Token], text: str) -> None:
    """Run one statement; its rows or count are left in `context`."""
    tree = _parse(_render(context, tokens), text)
    if isinstance(tree, exp.Create):
        create_table(context, tree, text)
    elif isinstance(tree, exp.Drop):
        _drop_table(context, tree, text)
    elif isinstance(tree, exp.TruncateTable):
        for table in tree.expressions:
            _user_table(context, table, "DELETE")[1].rows.clear()
    elif isinstance(tree, exp.Query):
        context.result = _select(context, tree, text)
        context.count = len(context.result.rows)
    elif isinstance(tree, exp.Insert | exp.Update | exp.Delete):
        _change(context, tree, text)
    else:
        raise errors.syntax(tokens[0].text, text)


def evaluate(context: Context, tokens: Sequence[Token], text: str) -> SqlValue:
    """Return the value of an expression."""
    rendered = _render(context, tokens)
    if not rendered:
        raise errors.syntax(")", text)
    result = _select(context, _parse(f"SELECT {rendered} AS x", text), text)
    return result.rows[0][0]


def holds(context: Context, tokens: Sequence[Token], text: str) -> bool:
    """Tell whether a condition is true (unknown is not)."""
    rendered = _render(context, tokens)
    result = _select(context, _parse(f"SELECT CASE WHEN {rendered} THEN 1 ELSE 0 END AS x", text), text)
    return result.rows[0][0] == 1


def rows_of(context: Context, tokens: Sequence[Token], text: str) -> Sequence[Sequence[SqlValue]]:
    """Return the rows of a SELECT given as tokens."""
    return _select(context, _parse(_render(context, tokens), text), text).rows


def _literal(value: SqlValue) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(int(value)) if isinstance(value, bool) else repr(value)


def _render(context: Context, tokens: Sequence[Token]) -> str:
    """Return the statement for sqlglot: variables as literals, functions of the context under names of their own."""
    known = functions(context)
    parts: list[str] = []
    for number, token in enumerate(tokens):
        following = tokens[number + 1] if number + 1 < len(tokens) else None
        word = token.value.upper()
        called = following is not None and following.is_operator("(")
        if token.kind == "string":
            parts.append(_literal(token.value))
        elif token.kind == "variable":
            parts.append(_literal(_variable(context, token.value)))
        elif token.kind == "word" and called and word in known:
            parts.append(f"fn_{word.lower()}")
        elif token.kind == "word" and word in _BARE_FUNCTIONS:
            parts.append(f"fn_{word.lower()}" + ("" if called else "()"))
        elif token.kind == "word" and called and not _may_be_called(word, tokens[:number]):
            raise errors.unknown_function(token.value)
        else:
            parts.append(token.text)
        if number == 0 and word == "DELETE" and following is not None and not following.is_word("FROM", "TOP"):
            parts.append("FROM")
    return " ".join(parts).replace(" . ", ".")


def _may_be_called(word: str, before: Sequence[Token]) -> bool:
    """Tell whether a word before a parenthesis is no function call: a keyword, a type, or a table's column list."""
    previous = before[-1] if before else None
    names_a_table = previous is not None and (
        previous.is_word("INTO", "INSERT", "TABLE", "AS", "CONSTRAINT") or previous.is_operator(".")
    )
    return word in NATIVE or word in TYPES or names_a_table


def _variable(context: Context, name: str) -> SqlValue:
    if name.startswith("@@"):
        known, value = global_variable(context, name)
        if known:
            return value
    if key(name) not in context.variables:
        raise errors.undeclared(name)
    return context.variables[key(name)]


def _parse(rendered: str, text: str) -> exp.Expression:
    try:
        trees = sqlglot.parse(rendered, read="tsql")
    except sqlglot.errors.SqlglotError:
        raise errors.syntax(text.split(maxsplit=1)[0], text) from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Expression) or isinstance(trees[0], exp.Command):
        raise errors.syntax(text.split(maxsplit=1)[0], text)
    return trees[0]


@dataclass(frozen=True, slots=True)
class _Source:
    """A table of the statement, as it is called in SQLite."""

    alias: str
    relation: Relation


def _drop_table(context: Context, tree: exp.Drop, text: str) -> None:
    tables = [table for table in tree.args.get("tables") or [tree.this] if isinstance(table, exp.Table)]
    if str(tree.args.get("kind")).upper() != "TABLE" or len(tables) != 1:
        raise errors.syntax("DROP", text)
    name = tables[0].name
    if tree.args.get("exists") and key(name) not in context.database.tables:
        return
    if not context.may("CREATE TABLE"):
        raise errors.create_denied("DROP TABLE", context.database_name)
    if key(name) not in context.database.tables:
        raise SqlError(
            3701,
            f"Cannot drop the table '{name}', because it does not exist or you do not have permission.",
            severity=11,
            state=5,
        )
    del context.database.tables[key(name)]


def _database_of(context: Context, table: exp.Table) -> DatabaseRecord:
    if not table.catalog or key(table.catalog) == key(context.database_name):
        return context.database
    if not context.kind.switches_databases and key(table.catalog) != "master":
        raise SqlError(
            40515,
            f"Reference to database and/or server name in '{_written(table)}' is not supported in "
            "this version of SQL Server.",
            severity=15,
        )
    database = context.workspace.database(table.catalog)
    if database is None:
        raise errors.invalid_object(_written(table))
    if not context.may_enter(database):
        raise errors.not_able_to_access(context.principal.name, database.name)
    return database


def _written(table: exp.Table) -> str:
    return ".".join(part for part in (table.catalog, table.db, table.name) if part)


def _user_table(context: Context, table: exp.Table, permission: str) -> tuple[DatabaseRecord, TableRecord]:
    database = _database_of(context, table)
    record = database.tables.get(key(table.name))
    if key(table.db) in {"sys", "information_schema"}:
        raise SqlError(259, "Ad hoc updates to system catalogs are not allowed.")
    if record is None or key(table.db or "dbo") != "dbo":
        raise errors.invalid_object(_written(table))
    if not context.may_in(database, permission):
        raise errors.object_denied(permission, record.name, database.name)
    return database, record


def _relation(context: Context, table: exp.Table) -> Relation:
    database = _database_of(context, table)
    if key(table.db) in {"sys", "information_schema"}:
        found = view(context, table.db, table.name, database)
        if found is None:
            raise errors.invalid_object(_written(table))
        return found
    _, record = _user_table(context, table, "SELECT")
    columns = [(column.name, SQLITE_TYPES[column.type][1]) for column in record.columns]
    return Relation(columns=columns, rows=record.rows)


def _open(context: Context) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for name, function in functions(context).items():
        connection.create_function(f"fn_{name.lower()}", -1, function)
    connection.create_function("tsql_add", 2, _add, deterministic=True)
    return connection


def _add(left: SqlValue, right: SqlValue) -> SqlValue:
    """What + means: joins text, adds numbers, and NULL wins."""
    if left is None or right is None:
        return None
    if isinstance(left, bytes) or isinstance(right, bytes):
        return (left if isinstance(left, bytes) else b"") + (right if isinstance(right, bytes) else b"")
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    return float(left) + float(right) if isinstance(left, float) or isinstance(right, float) else int(left) + int(right)


def _bring_in(context: Context, connection: sqlite3.Connection, tree: exp.Expression, *, but: exp.Table | None = None
              ) -> list[_Source]:  # fmt: skip
    """Create each table that the statement names in SQLite, and make the statement call it by that name."""
    cte_names = {key(cte.alias) for cte in tree.find_all(exp.CTE)}
    sources: list[_Source] = []
    for number, table in enumerate(list(tree.find_all(exp.Table))):
        if table is but or (not table.db and key(table.name) in cte_names):
            continue
        relation = _relation(context, table)
        alias = table.alias or table.name
        connection.execute(declare(f"src_{number}", [(name, kind) for name, kind in relation.columns]))
        marks = ", ".join("?" * len(relation.columns))
        connection.executemany(f"INSERT INTO src_{number} VALUES ({marks})", relation.rows)  # noqa: S608
        replacement = exp.alias_(exp.to_table(f"src_{number}"), alias, table=True, quoted=True)
        replacement.set("joins", table.args.get("joins"))
        table.replace(replacement)
        sources.append(_Source(alias, relation))
    return sources


def _select(context: Context, tree: exp.Expression, text: str) -> ResultSet:
    if not isinstance(tree, exp.Query) or tree.find(exp.Into):
        raise errors.syntax("SELECT", text)
    connection = _open(context)
    try:
        sources = _bring_in(context, connection, tree)
        cursor = _execute(connection, tree, text)
        names = [str(entry[0]) for entry in cursor.description]
        rows = [tuple(row) for row in cursor.fetchall()]
    finally:
        connection.close()
    return _typed(tree, names, rows, sources)


def _execute(connection: sqlite3.Connection, tree: exp.Expression, text: str) -> sqlite3.Cursor:
    for column in tree.find_all(exp.Column):
        column.set("db", None)
        column.set("catalog", None)
    for addition in list(tree.find_all(exp.Add)):
        addition.replace(exp.Anonymous(this="tsql_add", expressions=[addition.this, addition.expression]))
    try:
        return connection.execute(tree.sql(dialect=_Sqlite, identify=True))
    except sqlite3.IntegrityError as problem:
        raise _integrity(str(problem)) from None
    except sqlite3.Error as problem:
        raise _mapped(str(problem), text) from None


def _integrity(message: str) -> SqlError:
    what = message.rpartition(":")[2].strip().split(",")[0]
    table, _, column = what.partition(".")
    if message.startswith("NOT NULL"):
        return errors.null_refused(column, table)
    return errors.duplicate_key(table, column)


def _mapped(message: str, text: str) -> SqlError:
    if message.startswith("no such column: "):
        return errors.invalid_column(message.rpartition(" ")[2].rpartition(".")[2])
    if message.startswith(("no such function: ", "wrong number of arguments")):
        return errors.unknown_function(message.rpartition(" ")[2])
    if "has no column named" in message:
        return errors.invalid_column(message.rpartition(" ")[2])
    if "values for" in message or "values were supplied" in message:
        return SqlError(213, "Column name or number of supplied values does not match table definition.")
    return errors.syntax(text.split(maxsplit=1)[0], text)


def _typed(
    tree: exp.Query, names: Sequence[str], rows: Sequence[tuple[SqlValue, ...]], sources: Sequence[_Source]
) -> ResultSet:
    declared: dict[str, ColumnType] = {}
    for source in sources:
        declared |= {key(name): kind for name, kind in source.relation.columns}
    selects = tree.selects
    stars = any(one.is_star for one in selects)
    columns = []
    for index, name in enumerate(names):
        one = None if stars or index >= len(selects) else selects[index]
        inner = one.unalias() if one is not None else None
        known = declared.get(key(inner.name if isinstance(inner, exp.Column) else name)) if (
            inner is None or isinstance(inner, exp.Column)
        ) else None  # fmt: skip
        shown = name if one is None or isinstance(one, exp.Column | exp.Alias) else ""
        columns.append(Column(shown, known or _type_by_values([row[index] for row in rows])))
    return ResultSet(columns=columns, rows=rows)


def _type_by_values(values: Sequence[SqlValue]) -> ColumnType:
    kinds = {type_of(value).name: type_of(value) for value in values if value is not None}
    for name in ("nvarchar", "varbinary", "float", "bigint", "int", "bit"):
        if name in kinds:
            return kinds[name]
    return NVARCHAR


def _change(context: Context, tree: exp.Insert | exp.Update | exp.Delete, text: str) -> None:
    if tree.args.get("returning") or tree.args.get("with_"):
        raise errors.syntax("OUTPUT", text)
    target = tree.find(exp.Table)
    permission = {exp.Insert: "INSERT", exp.Update: "UPDATE", exp.Delete: "DELETE"}[type(tree)]
    if target is None:
        raise errors.syntax(permission, text)
    _, record = _user_table(context, target, permission)
    connection = _open(context)
    try:
        loaded_rows(connection, record)
        _name_columns(tree, record)
        _bring_in(context, connection, tree, but=target)
        target.replace(exp.to_table(f'"{record.name}"'))
        cursor = _execute(connection, tree, text)
        read_back(connection, record)
        context.count = cursor.rowcount
    finally:
        connection.close()


def _name_columns(tree: exp.Expression, record: TableRecord) -> None:
    """Give an INSERT without a column list one that leaves identity columns out, as the server does."""
    if isinstance(tree, exp.Insert) and isinstance(tree.this, exp.Table):
        names = [exp.to_identifier(column.name, quoted=True) for column in record.columns if not column.identity]
        schema = exp.Schema(this=tree.this.copy(), expressions=names)
        table = tree.this
        tree.set("this", schema)
        schema.set("this", table)
