"""Grammar of logins, users and roles."""

from __future__ import annotations

from cellctl_sandbox.standins.tds import statements as st
from cellctl_sandbox.standins.tds.cursor import Cursor

_LOGIN_OPTIONS = (
    "PASSWORD", "SID", "DEFAULT_DATABASE", "DEFAULT_LANGUAGE", "CHECK_EXPIRATION", "CHECK_POLICY", "CREDENTIAL",
    "OLD_PASSWORD", "NAME",
)  # fmt: skip
_USER_OPTIONS = ("PASSWORD", "SID", "TYPE", "DEFAULT_SCHEMA", "OBJECT_ID", "OLD_PASSWORD", "NAME", "LOGIN")


def _options(cursor: Cursor, allowed: tuple[str, ...]) -> dict[str, str]:
    """Take `NAME = value [MUST_CHANGE | HASHED | UNLOCK], ...`; binary values keep their 0x."""
    options: dict[str, str] = {}
    while True:
        option = cursor.one_of(*allowed)
        cursor.operator("=")
        is_name = option in {"DEFAULT_DATABASE", "DEFAULT_SCHEMA", "NAME", "LOGIN", "DEFAULT_LANGUAGE", "CREDENTIAL"}
        options[option] = cursor.name() if is_name else cursor.literal()
        flag = cursor.accept("MUST_CHANGE", "HASHED", "UNLOCK") if option == "PASSWORD" else ""
        if flag == "HASHED":
            raise cursor.error()
        if not cursor.accept_operator(","):
            return options


def parse_login(cursor: Cursor) -> st.Statement:
    """CREATE LOGIN name WITH ... | FROM EXTERNAL PROVIDER; ALTER LOGIN name WITH ... | ENABLE | DISABLE."""
    start = cursor.start()
    create = cursor.one_of("CREATE", "ALTER") == "CREATE"
    cursor.words("LOGIN")
    name = cursor.name()
    options: dict[str, str] = {}
    external, enabled = False, None
    if create and cursor.accept("FROM"):
        cursor.words("EXTERNAL", "PROVIDER")
        external = True
    elif not create and cursor.current.is_word("ENABLE", "DISABLE"):
        enabled = cursor.one_of("ENABLE", "DISABLE") == "ENABLE"
    else:
        cursor.words("WITH")
        options = _options(cursor, _LOGIN_OPTIONS)
        if create and "PASSWORD" not in options:
            raise cursor.error()
    return st.Login(
        text=cursor.since(start), name=name, create=create, options=options, external=external, enabled=enabled
    )


def parse_user(cursor: Cursor) -> st.Statement:
    """CREATE USER name [FOR LOGIN x | WITHOUT LOGIN | FROM EXTERNAL PROVIDER] [WITH ...]; ALTER USER name WITH ..."""
    start = cursor.start()
    create = cursor.one_of("CREATE", "ALTER") == "CREATE"
    cursor.words("USER")
    name = cursor.name()
    login, external, without = "", False, False
    if create and cursor.accept("WITHOUT"):
        cursor.words("LOGIN")
        without = True
    elif create and cursor.accept("FOR", "FROM"):
        if cursor.accept("EXTERNAL"):
            cursor.words("PROVIDER")
            external = True
        else:
            cursor.words("LOGIN")
            login = cursor.name()
    options = _options(cursor, _USER_OPTIONS) if cursor.accept("WITH") else {}
    if not create and not options:
        raise cursor.error()
    return st.User(
        text=cursor.since(start),
        name=name,
        create=create,
        login=login,
        external=external,
        without_login=without,
        options=options,
    )


def parse_role(cursor: Cursor) -> st.Statement:
    """CREATE ROLE name; ALTER ROLE name ADD | DROP MEMBER name."""
    start = cursor.start()
    create = cursor.one_of("CREATE", "ALTER") == "CREATE"
    cursor.words("ROLE")
    role = cursor.name()
    if create:
        return st.CreateRole(text=cursor.since(start), name=role)
    return _member(cursor, start, role, server=False)


def parse_server_role(cursor: Cursor) -> st.Statement:
    """ALTER SERVER ROLE name ADD | DROP MEMBER name."""
    start = cursor.start()
    cursor.words("ALTER", "SERVER", "ROLE")
    return _member(cursor, start, cursor.name(), server=True)


def _member(cursor: Cursor, start: int, role: str, *, server: bool) -> st.Statement:
    add = cursor.one_of("ADD", "DROP") == "ADD"
    cursor.words("MEMBER")
    member = cursor.name()
    return st.RoleMember(text=cursor.since(start), role=role, member=member, add=add, server=server)
