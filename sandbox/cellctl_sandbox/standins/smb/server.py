"""One listener that speaks SMB 3 for one server: sign in, connect to a share, files. A thread for each client."""

from __future__ import annotations

import hashlib
import secrets
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from cryptography.exceptions import InvalidTag

from cellctl_sandbox.standins.smb import messages, sealing
from cellctl_sandbox.standins.smb.messages import Asked, Opening
from cellctl_sandbox.standins.smb.ntlm import Exchange
from cellctl_sandbox.standins.smb.sealing import Seal

NTLM = b"NTLMSSP\0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tree:
    """A share as one user sees it. `refusal` is a status that keeps the user out, 0 for none.

    A folder is a file whose name ends with `/`. Where there are none (`flat`) every path is the name of a file.
    """

    refusal: int
    read_only: bool
    files: Callable[[], Mapping[str, bytes]]
    put: Callable[[str, bytes | None], None]
    flat: bool = True


Connect: TypeAlias = Callable[[str, str], Tree | None]
"""Returns the share of a name for a user, None where there is none."""


@dataclass(slots=True)
class _Session:
    exchange: Exchange
    user: str = ""
    seal: Seal | None = None
    trees: dict[int, Tree] = field(default_factory=dict)


@dataclass(slots=True)
class _File:
    tree: Tree
    opening: Opening
    data: bytearray


class SmbListener:
    """Listens on a free loopback port until it is closed. `exchange` makes the way in of one more user.

    With `newest` it speaks 3.1.1 and nothing older, otherwise 3.0.2.
    """

    def __init__(self, exchange: Callable[[], Exchange], connect: Connect, *, newest: bool = False) -> None:
        self._exchange, self._connect, self._newest = exchange, connect, newest
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        talk = _Talk(self._exchange, self._connect, newest=self._newest)
        with client, suppress(OSError, EOFError, InvalidTag, struct.error, ValueError, KeyError):
            while True:
                length = struct.unpack(">I", _read(client, 4))[0] & 0xFFFFFF
                said = talk.answered(_read(client, length))
                client.sendall(struct.pack(">I", len(said)) + said)


class _Talk:
    """What one client says, and what it is answered."""

    def __init__(self, exchange: Callable[[], Exchange], connect: Connect, *, newest: bool) -> None:
        self._exchange, self._connect, self._newest = exchange, connect, newest
        self._said = bytes(64)
        self._guid = secrets.token_bytes(16)
        self._sessions: dict[int, _Session] = {}
        self._files: dict[bytes, _File] = {}

    def answered(self, message: bytes) -> bytes:
        """Return the answer to a message, sealed if it was."""
        if message[:4] != sealing.MAGIC:
            self._hear(message)
            said = self._plainly(Asked.of(message) if message[:4] == messages.MAGIC else _old(message))
            self._hear(said)
            return said
        session = sealing.session_of(message)
        seal = self._sessions[session].seal
        if seal is None:
            raise ValueError("nobody has signed in there")
        return seal.sealed(self._sealed(Asked.of(seal.opened(message)), self._sessions[session]), session)

    def _hear(self, message: bytes) -> None:
        """Go on with the hash over what is said in clear; the last answer counts for nothing any more."""
        self._said = hashlib.sha512(self._said + message).digest()

    def _negotiated(self, asked: Asked) -> bytes:
        if not self._newest:
            return messages.answer(asked, messages.negotiated(self._guid))
        if not asked.whole or not messages.offers_newest(asked):
            return messages.refusal(asked, messages.NO_SUCH_THING)
        return messages.answer(asked, messages.negotiated_newest(self._guid, secrets.token_bytes(32)))

    def _plainly(self, asked: Asked) -> bytes:
        """Answer what may come in clear: everything else must be sealed."""
        if asked.command == messages.NEGOTIATE:
            return self._negotiated(asked)
        if asked.command != messages.SETUP:
            return messages.refusal(asked, messages.NO_ACCESS)
        token = asked.token()
        if not token.startswith(NTLM):
            return messages.refusal(asked, messages.NO_LOGON)
        if asked.session not in self._sessions:
            number = len(self._sessions) + 1
            self._sessions[number] = _Session(self._exchange())
            body = messages.set_up(self._sessions[number].exchange.challenge(), done=False)
            return messages.answer(asked, body, status=messages.MORE, session=number)
        session = self._sessions[asked.session]
        proven = session.exchange.proven(token)
        if proven is None:
            return messages.refusal(asked, messages.NO_LOGON)
        session.user = proven.user
        session.seal = Seal.of_newest(proven.key, self._said) if self._newest else Seal.of(proven.key)
        return messages.answer(asked, messages.set_up(b"", done=True))

    def _sealed(self, asked: Asked, session: _Session) -> bytes:
        if asked.command == messages.CONNECT:
            return self._to_share(asked, session)
        if asked.command == messages.IOCTL and struct.unpack_from("<I", asked.body, 4)[0] == messages.VALIDATE:
            return messages.answer(asked, messages.validated(self._guid))
        if asked.command in (messages.LOGOFF, messages.DISCONNECT):
            return messages.answer(asked, messages.plain())
        if asked.command == messages.CREATE:
            return self._open(asked, session.trees[asked.tree])
        if asked.command in (messages.CLOSE, messages.READ, messages.WRITE):
            return self._use(asked)
        return messages.refusal(asked, messages.NO_SUCH_THING)

    def _to_share(self, asked: Asked, session: _Session) -> bytes:
        tree = self._connect(asked.path().rpartition("\\")[2], session.user)
        if tree is None or tree.refusal:
            return messages.refusal(asked, tree.refusal if tree else messages.NO_SHARE)
        number = len(session.trees) + 1
        session.trees[number] = tree
        return messages.answer(asked, messages.connected(), tree=number)

    def _open(self, asked: Asked, tree: Tree) -> bytes:
        opening, files = Opening.of(asked), tree.files()
        status = messages.OK if tree.flat else _misplaced(opening, files)
        key = f"{opening.name}/" if opening.folder else opening.name
        there = files.get(key) if key != "/" else b""
        if tree.read_only and (opening.writes or opening.makes):
            status = messages.NO_ACCESS
        elif there is None and not opening.makes:
            status = status or messages.NO_FILE
        if status:
            return messages.refusal(asked, status)
        if opening.folder and there is None:
            tree.put(key, b"")
        handle = secrets.token_bytes(16)
        self._files[handle] = _File(tree, opening, bytearray(b"" if opening.makes else there or b""))
        return messages.answer(asked, messages.opened(handle, len(self._files[handle].data)))

    def _use(self, asked: Asked) -> bytes:
        if asked.command == messages.CLOSE:
            file = self._files.pop(asked.body[8:24])
            if file.opening.folder:
                pass
            elif file.opening.removes:
                file.tree.put(file.opening.name, None)
            elif file.opening.makes:
                file.tree.put(file.opening.name, bytes(file.data))
            return messages.answer(asked, messages.closed())
        if asked.command == messages.READ:
            length, offset = struct.unpack_from("<IQ", asked.body, 4)
            data = self._files[asked.body[16:32]].data
            return messages.answer(asked, messages.given(bytes(data[offset : offset + length])))
        begin, length, offset = struct.unpack_from("<HIQ", asked.body, 2)
        file = self._files[asked.body[16:32]]
        file.data[offset : offset + length] = asked.bytes_at(begin, length)
        return messages.answer(asked, messages.taken(length))


def _misplaced(opening: Opening, files: Mapping[str, bytes]) -> int:
    """Return why a name is not for what it is opened for, `OK` if it is."""
    parent = opening.name.rpartition("/")[0]
    if parent and f"{parent}/" not in files:
        return messages.NO_PATH
    if opening.folder:
        return messages.NO_FOLDER if opening.name in files else messages.OK
    return messages.IS_FOLDER if f"{opening.name}/" in files else messages.OK


def _old(message: bytes) -> Asked:
    """Take the negotiation that older clients begin with (SMB 1) as one of SMB 2."""
    del message
    return Asked(command=messages.NEGOTIATE, message=0, tree=0, session=0, whole=b"")


def _read(client: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = client.recv(count - len(found))
        if not part:
            raise EOFError
        found += part
    return found
