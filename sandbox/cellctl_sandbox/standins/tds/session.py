"""One connection after its login: batches, procedure calls, transactions, and the reply to each."""

from __future__ import annotations

import itertools
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cellctl_sandbox.standins.tds import errors
from cellctl_sandbox.standins.tds import statements as st
from cellctl_sandbox.standins.tds.context import Context, LiveSession, Sessions
from cellctl_sandbox.standins.tds.errors import SqlError
from cellctl_sandbox.standins.tds.execute import execute
from cellctl_sandbox.standins.tds.faults import FaultRule
from cellctl_sandbox.standins.tds.model import key
from cellctl_sandbox.standins.tds.packets import Disconnected
from cellctl_sandbox.standins.tds.parser import parse
from cellctl_sandbox.standins.tds.queries import evaluate, holds
from cellctl_sandbox.standins.tds.rpc import Call, parameter_names, read_calls
from cellctl_sandbox.standins.tds.security import Principal
from cellctl_sandbox.standins.tds.servers import SqlServerFacts
from cellctl_sandbox.standins.tds.store import Conflict, Store, Workspace
from cellctl_sandbox.standins.tds.tokens import DONE, DONE_IN_PROC, DONE_PROC, Reply
from cellctl_sandbox.standins.tds.values import Reader, SqlValue, text_of

_Work: TypeAlias = Callable[[], None]
_DESCRIPTORS = itertools.count(1)
_DEEPEST = 32
_TM_BEGIN, _TM_COMMIT, _TM_ROLLBACK = 5, 7, 8


class _Returned(Exception):
    """RETURN: the rest of the batch is not run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What sessions of one server share."""

    facts: SqlServerFacts
    store: Store
    sessions: Sessions
    faults: FaultRule


class Session:
    """State of one connection; used by its own thread only."""

    def __init__(self, around: Surroundings, principal: Principal, live: LiveSession) -> None:
        self._around, self._principal, self._live = around, principal, live
        self._transaction: Workspace | None = None
        self._depth = 0
        self._descriptor = 0
        self._row_count = 0
        self._variables: dict[str, SqlValue] = {}
        self._reply = Reply()
        self._done_token = DONE
        self._nesting = 0
        self._prepared: dict[int, tuple[list[str], str]] = {}

    def batch(self, payload: bytes) -> bytes:
        """Run a SQL batch message and return the reply."""
        (headers,) = struct.unpack_from("<I", payload)
        text = payload[headers:].decode("utf-16-le")
        self._begin_reply(DONE)
        self._variables = {}
        self._guarded(text)
        self._reply.done(open=self._depth > 0)
        return bytes(self._reply.data)

    def procedure(self, payload: bytes) -> bytes:
        """Run an RPC message (one call or more) and return the reply."""
        self._begin_reply(DONE_IN_PROC)
        calls = read_calls(payload)
        for position, call in enumerate(calls, start=1):
            self._call(call)
            self._reply.return_status(0)
            self._reply.done(DONE_PROC, more=position < len(calls), open=self._depth > 0)
        return bytes(self._reply.data)

    def _call(self, call: Call) -> None:
        name, arguments = call.procedure, call.arguments
        values = [value for _, value in arguments]
        if name == "sp_executesql":
            self._variables = {key(parameter): value for parameter, value in arguments[2:]}
            self._guarded(text_of(values[0]))
        elif name in {"sp_prepexec", "sp_prepare"}:
            self._prepared[next(_DESCRIPTORS)] = (parameter_names(text_of(values[1])), text_of(values[2]))
            handle = max(self._prepared)
            if name == "sp_prepexec":
                self._run_prepared(handle, values[3:])
            self._reply.return_value(0, arguments[0][0], handle)
        elif name == "sp_execute":
            self._run_prepared(values[0], values[1:])
        elif name == "sp_unprepare":
            self._prepared.pop(int(text_of(values[0])), None)
        else:
            self._variables = {f"@a{index}": value for index, value in enumerate(values)}
            words = [f"{one} = @a{index}" if one else f"@a{index}" for index, (one, _) in enumerate(arguments)]
            self._guarded(f"EXEC {name} {', '.join(words)}")

    def _run_prepared(self, handle: SqlValue, values: Sequence[SqlValue]) -> None:
        prepared = self._prepared.get(int(text_of(handle) or 0))
        if prepared is None:
            self._fail(SqlError(8179, f"Could not find prepared statement with handle {text_of(handle)}.", state=4))
            return
        names, text = prepared
        self._variables = dict(zip(names, values, strict=False))
        self._guarded(text)

    def transaction(self, payload: bytes) -> bytes:
        """Run a transaction manager request and return the reply."""
        (headers,) = struct.unpack_from("<I", payload)
        reader = Reader(payload[headers:])
        request = reader.number("H")
        self._begin_reply(DONE)
        try:
            if request == _TM_BEGIN:
                self._begin_transaction()
            elif request in {_TM_COMMIT, _TM_ROLLBACK}:
                self._end_by_request(reader, commit=request == _TM_COMMIT)
            else:
                raise SqlError(8710, f"The transaction request {request} is not supported by the sandbox.")
        except SqlError as problem:
            self._fail(problem)
        self._reply.done(open=self._depth > 0)
        return bytes(self._reply.data)

    def _end_by_request(self, reader: Reader, *, commit: bool) -> None:
        reader.take(reader.number("B"))
        flags = reader.number("B") if reader.left else 0
        if commit:
            self._depth = min(self._depth, 1)
            self._commit()
        else:
            self._rollback()
        if flags & 1:
            self._begin_transaction()

    def end(self) -> None:
        """Forget an open transaction: the connection is gone."""
        self._transaction, self._depth = None, 0

    def _begin_reply(self, token: int) -> None:
        self._reply = Reply(server=self._around.facts.host.partition(".")[0])
        self._done_token = token

    def _guarded(self, text: str) -> None:
        """Run the statements of a text; an error goes into the reply."""
        try:
            self._run_all(parse(text))
        except _Returned:
            pass
        except SqlError as problem:
            self._fail(problem)
            if problem.ends_session:
                raise

    def _fail(self, problem: SqlError) -> None:
        self._reply.error(problem.number, problem.state, problem.severity, problem.text)
        self._reply.done(self._done_token, more=True, failed=True, open=self._depth > 0)

    def _run_all(self, statements: Sequence[st.Statement]) -> None:
        for statement in statements:
            self._run(statement)

    def _run(self, statement: st.Statement) -> None:
        match statement:
            case st.Block():
                self._run_all(statement.body)
            case st.If():
                if self._judge(statement):
                    self._run(statement.then)
                elif statement.otherwise is not None:
                    self._run(statement.otherwise)
            case st.Return():
                raise _Returned
            case st.Execute() if statement.procedure == "" or key(statement.procedure).endswith("sp_executesql"):
                self._run_text(statement)
            case st.Transaction():
                self._faulty(statement.text, lambda: self._change_transaction(statement))
            case _:
                self._faulty(statement.text, lambda: self._leaf(statement))

    def _judge(self, statement: st.If) -> bool:
        context = self._context(self._transaction or self._fresh())
        return holds(context, statement.condition, statement.text)

    def _run_text(self, statement: st.Execute) -> None:
        """Run dynamic SQL: its USE and its variables end with it."""
        context = self._context(self._transaction or self._fresh())
        values = [(name, evaluate(context, tokens, statement.text)) for name, tokens in statement.arguments]
        database, variables = self._live.database, self._variables
        self._nesting += 1
        if self._nesting > _DEEPEST:
            raise SqlError(217, "Maximum stored procedure nesting level exceeded (limit 32).")
        self._variables = {key(name): value for name, value in values[2:]}
        try:
            self._run_all(parse(text_of(values[0][1])))
        except _Returned:
            pass
        finally:
            self._nesting -= 1
            self._variables = variables
            if self._live.database != database:
                self._reply.database(database, self._live.database)
                self._live.database = database

    def _faulty(self, text: str, work: _Work) -> None:
        """Do `work`, or what a fault rule says."""
        fault = self._around.faults.judge(self._around.facts.host, self._live.database, text)
        if fault is None:
            work()
            return
        if fault.delay_s:
            time.sleep(fault.delay_s)
        if fault.drop == "before":
            raise Disconnected("fault: before the statement")
        if fault.error:
            severity = 20 if fault.error in {40613, 40197} else 16
            raise SqlError(
                fault.error, fault.text or "The service has encountered an error (fault).", severity=severity
            )
        work()
        if fault.drop == "after":
            raise Disconnected("fault: after the statement")

    def _fresh(self) -> Workspace:
        return self._around.store.workspace(self._around.facts.host)

    def _context(self, workspace: Workspace) -> Context:
        return Context(
            facts=self._around.facts,
            principal=self._principal,
            workspace=workspace,
            database_name=self._live.database,
            spid=self._live.spid,
            sessions=self._around.sessions,
            transactions=self._depth,
            row_count=self._row_count,
            variables=self._variables,
        )

    def _leaf(self, statement: st.Statement) -> None:
        try:
            if self._transaction is not None:
                self._transaction.catch_up()
                context = self._context(self._transaction)
                execute(context, statement)
            else:
                context = self._around.store.change(
                    self._around.facts.host, lambda workspace: self._executed(workspace, statement)
                )
        except SqlError as problem:
            if problem.ends_batch:
                raise
            self._fail(problem)
            return
        self._answer(context)

    def _executed(self, workspace: Workspace, statement: st.Statement) -> Context:
        context = self._context(workspace)
        execute(context, statement)
        return context

    def _answer(self, context: Context) -> None:
        self._row_count = context.count or 0
        for notice in context.notices:
            self._reply.info(notice)
        if key(context.database_name) != key(self._live.database):
            self._reply.database(context.database_name, self._live.database)
            self._live.database = context.database_name
        if context.result is not None:
            self._reply.result(context.result)
        self._reply.done(self._done_token, more=True, count=context.count, open=self._depth > 0)

    def _change_transaction(self, statement: st.Transaction) -> None:
        if statement.action == "begin":
            self._begin_transaction()
        elif statement.action == "commit":
            self._commit()
        else:
            self._rollback()
        self._reply.done(self._done_token, more=True, open=self._depth > 0)

    def _begin_transaction(self) -> None:
        self._depth += 1
        if self._depth == 1:
            self._transaction = self._fresh()
            self._descriptor = next(_DESCRIPTORS)
            self._reply.began(self._descriptor)

    def _commit(self) -> None:
        if self._transaction is None:
            raise SqlError(3902, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.")
        self._depth -= 1
        if self._depth > 0:
            return
        workspace, self._transaction = self._transaction, None
        try:
            workspace.commit()
        except Conflict:
            self._reply.ended(self._descriptor, committed=False)
            raise errors.deadlock(self._live.spid) from None
        self._reply.ended(self._descriptor, committed=True)

    def _rollback(self) -> None:
        if self._transaction is None:
            raise SqlError(3903, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.")
        self._transaction, self._depth = None, 0
        self._reply.ended(self._descriptor, committed=False)
