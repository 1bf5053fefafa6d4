"""The T-SQL grammar and the listener under input that nobody means well with."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.tds import SqlServerFacts
from cellctl_sandbox.standins.tds.errors import SqlError
from cellctl_sandbox.standins.tds.lexer import quote_string, tokens
from cellctl_sandbox.standins.tds.parser import parse
from cellctl_sandbox.testing.sql import ListedServers, SqlSandbox

VOCABULARY = """
CREATE ALTER DROP DATABASE LOGIN USER ROLE TABLE USE IF EXISTS NOT ELSE BEGIN END TRAN COMMIT EXEC SELECT FROM WHERE SET
WITH PASSWORD = , ; ( ) [x] 'y' N'z' @v 1 0xAB . * ADD MEMBER FOR PRINT DECLARE int CASE WHEN THEN
"""
WORDS = st.sampled_from(VOCABULARY.split())


@given(st.text())
def test_a_quoted_text_is_one_token_whatever_is_in_it(text):
    (token, end) = tokens(quote_string(text))
    assert (token.kind, token.value, end.kind) == ("string", text, "end")


@settings(max_examples=200)
@given(st.one_of(st.text(max_size=40), st.lists(WORDS, max_size=12).map(" ".join)))
def test_any_batch_is_understood_or_refused_by_number(batch):
    number, statements = understood(batch)
    assert number in {0, 102, 103, 105, 113, 1038}
    assert all(statement.text.strip() for statement in statements)


def understood(batch: str) -> tuple[int, list]:
    try:
        return 0, parse(batch)
    except SqlError as problem:
        return problem.number, []


@pytest.mark.parametrize(
    ("batch", "kinds"),
    [
        ("SELECT 1 SELECT 2", ["Query", "Query"]),
        ("INSERT INTO t SELECT 1 UNION ALL SELECT 2 DELETE FROM t", ["Query", "Query"]),
        ("UPDATE t SET a = CASE WHEN b = 1 THEN 2 ELSE 3 END WHERE c = 4; SET NOCOUNT ON", ["Query", "SetOption"]),
        ("IF 1 = 1 SELECT 1 ELSE IF 2 = 2 SELECT 2 SELECT 3", ["If", "Query"]),
        ("/* a /* nested */ comment */ USE x -- and the rest", ["Use"]),
        ("WITH a AS (SELECT 1 AS b) SELECT b FROM a PRINT N'x'", ["Query", "Print"]),
        ("BEGIN TRAN BEGIN SELECT 1; SELECT 2 END COMMIT", ["Transaction", "Block", "Transaction"]),
    ],
)
def test_statements_end_where_the_next_one_starts(batch, kinds):
    assert [type(statement).__name__ for statement in parse(batch)] == kinds


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(8),
        b"\x12\x01\x00\x08\0\0\0\0",
        b"\x12\x01\xff\xff" + bytes(300),
        b"\x10\x01\0\x09\0\0\0\0x",
    ],
)
def test_what_is_no_tds_client_is_cut_off_and_the_server_goes_on(tmp_path, data):
    facts = SqlServerFacts(host="h.example", kind="rds", incarnation="1", administrator="a", administrator_password="b")
    sandbox = SqlSandbox(tmp_path, ListedServers(facts), authority=Authority())
    port = sandbox.dialer.route("h.example", 1433).port
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
    sandbox.close()


def test_a_server_that_does_not_exist_or_is_still_being_made_refuses_connections(tmp_path):
    facts = SqlServerFacts(host="h.example", kind="rds", incarnation="1", accepting=False)
    sandbox = SqlSandbox(tmp_path, ListedServers(facts), authority=Authority())
    for host, port in (("h.example", 1433), ("other.example", 1433), ("h.example", 1434)):
        route = sandbox.dialer.route(host, port)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((route.host, route.port), timeout=5)
    sandbox.close()
