"""A listener for one SQL server: a thread for each connection, from PRELOGIN to the last batch."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable

from cellctl_sandbox.standins.tds.channel import TlsStream, accept
from cellctl_sandbox.standins.tds.context import LiveSession, Sessions
from cellctl_sandbox.standins.tds.errors import SqlError
from cellctl_sandbox.standins.tds.faults import FaultRule
from cellctl_sandbox.standins.tds.login7 import Login, parse_login
from cellctl_sandbox.standins.tds.packets import Disconnected, PacketType, read_message, write_message
from cellctl_sandbox.standins.tds.security import (
    Principal,
    authenticate,
    open_database,
    refused_login,
)
from cellctl_sandbox.standins.tds.servers import SqlServerFacts, settle
from cellctl_sandbox.standins.tds.session import Session, Surroundings
from cellctl_sandbox.standins.tds.store import Store, Workspace
from cellctl_sandbox.standins.tds.tokens import Notice, Reply
from cellctl_sandbox.standins.tds.tokens_entra import TokenIssuer

_TDS_74 = 0x74000004
_BACKLOG = 64


class TdsServer:
    """Listens on an ephemeral loopback port for the server called `host`; `find` gives its facts at each connection."""

    def __init__(
        self,
        host: str,
        *,
        find: Callable[[str], SqlServerFacts | None],
        store: Store,
        context: ssl.SSLContext,
        issuer: TokenIssuer | None,
        faults: FaultRule,
        is_worker: bool = False,
    ) -> None:
        self._host, self._find, self._store = host, find, store
        self._context, self._issuer, self._faults = context, issuer, faults
        self._is_worker = is_worker
        self._sessions = Sessions()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name=f"tds {host}", daemon=True).start()

    def close(self) -> None:
        """Stop listening and cut all connections; waits for nothing."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            _cut(connection)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), name="tds connection", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            facts = self._find(self._host)
            if facts is not None and facts.accepting:
                stream, _ = accept(connection, self._context)
                self._converse(connection, stream, facts)
        except (Disconnected, OSError):
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            _cut(connection)
            connection.close()

    def _converse(self, connection: socket.socket, stream: TlsStream, facts: SqlServerFacts) -> None:
        message = read_message(stream)
        if message.type != PacketType.LOGIN7:
            raise Disconnected("expected LOGIN7")
        login = parse_login(message.payload)
        try:
            self._refuse_by_fault(login)
            principal, database = self._store.change(self._host, lambda workspace: self._admit(workspace, login, facts))
        except SqlError as problem:
            self._refuse(stream, problem, login)
            return
        if facts.worker and not self._is_worker:
            write_message(stream, PacketType.REPLY, _welcome(login, facts, database, elsewhere=True))
            return
        live = self._sessions.begin(principal.name, login.host, login.application, database, lambda: _cut(connection))
        around = Surroundings(facts=facts, store=self._store, sessions=self._sessions, faults=self._faults)
        session = Session(around, principal, live)
        try:
            write_message(stream, PacketType.REPLY, _welcome(login, facts, database), spid=live.spid)
            self._answer_all(stream, session, login.packet_size, live)
        finally:
            session.end()
            self._sessions.finish(live)

    def _refuse_by_fault(self, login: Login) -> None:
        fault = self._faults.judge(self._host, login.database, "LOGIN")
        if fault is not None and fault.drop:
            raise Disconnected("fault: at login")
        if fault is not None and fault.error:
            raise SqlError(fault.error, fault.text or "Login refused (fault).", severity=17, ends_session=True)

    def _admit(self, workspace: Workspace, login: Login, facts: SqlServerFacts) -> tuple[Principal, str]:
        settle(workspace, facts)
        principal = authenticate(login, workspace, facts, self._issuer)
        return principal, open_database(login, principal, workspace, facts).name

    def _refuse(self, stream: TlsStream, problem: SqlError, login: Login) -> None:
        reply = Reply(server=self._host.partition(".")[0])
        for one in refused_login(problem, login):
            reply.error(one.number, one.state, one.severity, one.text)
        reply.done(failed=True)
        write_message(stream, PacketType.REPLY, bytes(reply.data))

    def _answer_all(self, stream: TlsStream, session: Session, packet_size: int, live: LiveSession) -> None:
        handlers = {
            PacketType.BATCH: session.batch,
            PacketType.RPC: session.procedure,
            PacketType.TRANSACTION: session.transaction,
        }
        while True:
            message = read_message(stream)
            if message.type == PacketType.ATTENTION:
                reply = Reply()
                reply.attention_acknowledged()
                data = bytes(reply.data)
            elif message.type in handlers:
                data, fatal = _handled(handlers[PacketType(message.type)], message.payload)
                if fatal:
                    write_message(stream, PacketType.REPLY, data, packet_size=packet_size, spid=live.spid)
                    return
            else:
                raise Disconnected(f"message type {message.type} is not supported")
            write_message(stream, PacketType.REPLY, data, packet_size=packet_size, spid=live.spid)


def _handled(handler: Callable[[bytes], bytes], payload: bytes) -> tuple[bytes, bool]:
    """Return the reply, and whether the connection ends with it."""
    try:
        return handler(payload), False
    except SqlError as problem:
        reply = Reply()
        reply.error(problem.number, problem.state, problem.severity, problem.text)
        reply.done(failed=True)
        return bytes(reply.data), True


def _welcome(login: Login, facts: SqlServerFacts, database: str, *, elsewhere: bool = False) -> bytes:
    reply = Reply(server=facts.host.partition(".")[0])
    reply.database(database, "master")
    reply.info(Notice(number=5701, text=f"Changed database context to '{database}'.", state=2))
    reply.collation()
    reply.language()
    reply.packet_size(login.packet_size)
    reply.login_acknowledged(_TDS_74, "Microsoft SQL Server")
    if login.token:
        reply.features_acknowledged()
    if elsewhere:
        reply.routing(facts.worker, facts.worker_port)
    reply.done()
    return bytes(reply.data)


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
