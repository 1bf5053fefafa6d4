"""User tables: declared in T-SQL, kept as rows, and put into SQLite for the length of one statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from sqlglot import exp

from cellctl_sandbox.standins.tds import errors
from cellctl_sandbox.standins.tds.context import Context
from cellctl_sandbox.standins.tds.model import TableColumn, TableRecord, key
from cellctl_sandbox.standins.tds.values import BIGINT, BIT, FLOAT, INT, NVARCHAR, VARBINARY, ColumnType, SqlValue

SQLITE_TYPES: dict[str, tuple[str, ColumnType]] = {
    "int": ("INTEGER", INT),
    "smallint": ("INTEGER", INT),
    "tinyint": ("INTEGER", INT),
    "utinyint": ("INTEGER", INT),
    "bigint": ("INTEGER", BIGINT),
    "bit": ("INTEGER", BIT),
    "boolean": ("INTEGER", BIT),
    "float": ("REAL", FLOAT),
    "double": ("REAL", FLOAT),
    "decimal": ("REAL", FLOAT),
    "nvarchar": ("TEXT", NVARCHAR),
    "varchar": ("TEXT", NVARCHAR),
    "nchar": ("TEXT", NVARCHAR),
    "char": ("TEXT", NVARCHAR),
    "uuid": ("TEXT", NVARCHAR),
    "datetime": ("TEXT", NVARCHAR),
    "datetime2": ("TEXT", NVARCHAR),
    "timestamp": ("TEXT", NVARCHAR),
    "date": ("TEXT", NVARCHAR),
    "varbinary": ("BLOB", VARBINARY),
    "binary": ("BLOB", VARBINARY),
}
"""Column types by the name sqlglot gives them: SQLite's affinity, and the type on the wire."""


def create_table(context: Context, tree: exp.Create, text: str) -> None:
    """CREATE TABLE in schema dbo of the current database."""
    schema = tree.this
    if (
        str(tree.args.get("kind")).upper() != "TABLE"
        or not isinstance(schema, exp.Schema)
        or tree.args.get("expression")
    ):
        raise errors.syntax("CREATE", text)
    table = schema.this
    if not context.may("CREATE TABLE"):
        raise errors.create_denied("CREATE TABLE", context.database_name)
    if key(table.db or "dbo") != "dbo" or table.catalog or table.name.startswith("#"):
        raise errors.syntax(table.name, text)
    if key(table.name) in context.database.tables:
        raise errors.object_exists(table.name)
    columns = [_column(one, text) for one in schema.expressions if isinstance(one, exp.ColumnDef)]
    for constraint in schema.expressions:
        if not isinstance(constraint, exp.ColumnDef):
            _table_constraint(constraint, columns, text)
    object_id = context.database.take_id() + 901_578_250
    context.database.tables[key(table.name)] = TableRecord(name=table.name, object_id=object_id, columns=columns)


def _column(definition: exp.ColumnDef, text: str) -> TableColumn:
    kind = definition.args.get("kind")
    name = kind.this.value.lower() if isinstance(kind, exp.DataType) and isinstance(kind.this, exp.DType) else ""
    if name not in SQLITE_TYPES:
        raise errors.SqlError(2715, f"Column: cannot find data type of '{definition.name}'.", state=6)
    column = TableColumn(name=definition.name, type=name)
    for constraint in definition.args.get("constraints") or []:
        _column_constraint(constraint.args.get("kind"), column, text)
    return column


def _column_constraint(kind: object, column: TableColumn, text: str) -> None:
    if isinstance(kind, exp.NotNullColumnConstraint):
        column.nullable = bool(kind.args.get("allow_null"))
    elif isinstance(kind, exp.PrimaryKeyColumnConstraint):
        column.primary_key, column.nullable = True, False
    elif isinstance(kind, exp.UniqueColumnConstraint):
        column.unique = True
    elif isinstance(kind, exp.GeneratedAsIdentityColumnConstraint | exp.AutoIncrementColumnConstraint):
        column.identity, column.nullable = True, False
    elif isinstance(kind, exp.DefaultColumnConstraint) and isinstance(kind.this, exp.Literal):
        column.default = kind.this.this if kind.this.is_string else float(kind.this.this)
        if isinstance(column.default, float) and column.default.is_integer():
            column.default = int(column.default)
    else:
        raise errors.syntax("constraint", text)


def _table_constraint(constraint: exp.Expression, columns: Sequence[TableColumn], text: str) -> None:
    inner = constraint.expressions if isinstance(constraint, exp.Constraint) else [constraint]
    for one in inner:
        if isinstance(one, exp.PrimaryKey):
            names = [part.name for part in one.expressions]
        elif isinstance(one, exp.UniqueColumnConstraint) and one.this is not None:
            names = [part.name for part in one.this.expressions]
        else:
            raise errors.syntax("CONSTRAINT", text)
        found = [column for column in columns if column.name in names]
        if len(found) != 1 or len(names) != 1:
            raise errors.syntax("CONSTRAINT", text)
        if isinstance(one, exp.PrimaryKey):
            found[0].primary_key, found[0].nullable = True, False
        else:
            found[0].unique = True


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def declare(name: str, columns: Sequence[tuple[str, ColumnType]]) -> str:
    """Return the CREATE TABLE of a plain SQLite table for a view or table that is only read."""
    affinity = {"int": "INTEGER", "bigint": "INTEGER", "bit": "INTEGER", "float": "REAL", "varbinary": "BLOB"}
    parts = [f"{_quoted(column)} {affinity.get(kind.name, 'TEXT COLLATE NOCASE')}" for column, kind in columns]
    return f"CREATE TABLE {_quoted(name)} ({', '.join(parts)})"


def loaded_rows(connection: sqlite3.Connection, record: TableRecord) -> None:
    """Create a user table with its constraints and rows; identity values are given by a trigger."""
    parts = []
    for column in record.columns:
        affinity = SQLITE_TYPES[column.type][0]
        text = f"{_quoted(column.name)} {affinity}" + (" COLLATE NOCASE" if affinity == "TEXT" else "")
        text += "" if column.nullable or column.identity else " NOT NULL"
        text += " UNIQUE" if column.primary_key or column.unique else ""
        text += "" if column.default is None else f" DEFAULT {_default(column.default)}"
        parts.append(text)
    connection.execute(f"CREATE TABLE {_quoted(record.name)} ({', '.join(parts)})")
    connection.execute("CREATE TABLE next_identity (value INTEGER)")
    connection.execute("INSERT INTO next_identity VALUES (?)", (record.next_identity,))
    if record.rows:
        marks = ", ".join("?" * len(record.columns))
        connection.executemany(f"INSERT INTO {_quoted(record.name)} VALUES ({marks})", record.rows)  # noqa: S608
    for column in record.columns:
        if column.identity:
            connection.execute(
                f"CREATE TRIGGER give AFTER INSERT ON {_quoted(record.name)} WHEN NEW.{_quoted(column.name)} IS NULL "  # noqa: S608
                f"BEGIN UPDATE {_quoted(record.name)} SET {_quoted(column.name)} = (SELECT value FROM next_identity) "
                "WHERE rowid = NEW.rowid; UPDATE next_identity SET value = value + 1; END"
            )


def _default(value: SqlValue) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def read_back(connection: sqlite3.Connection, record: TableRecord) -> None:
    """Take the rows back after a statement that changed them."""
    rows = connection.execute(f"SELECT * FROM {_quoted(record.name)}").fetchall()  # noqa: S608
    (following,) = connection.execute("SELECT value FROM next_identity").fetchone()
    bits = [index for index, column in enumerate(record.columns) if SQLITE_TYPES[column.type][1] is BIT]
    record.rows = [[bool(value) if index in bits and value is not None else value for index, value in enumerate(row)]
                   for row in rows]  # fmt: skip
    record.next_identity = int(following)
