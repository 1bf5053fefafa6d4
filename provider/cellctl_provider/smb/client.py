"""Mount a share as a user of a domain and write, read and remove files directly in it, encrypted (SMB 3, MS-SMB2).

Signs in with NTLMv2: as a node does that mounts by a name of its cell, of which the domain has no Kerberos principal,
and as one does with the key of a storage account.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    from smbprotocol.session import Session as SignedIn
    from smbprotocol.tree import TreeConnect

    from cellctl.dialer import Dialer

PORT = 445
_TIMEOUT_S = 10
_SHUT = ("LogonFailure", "AccessDenied", "BadNetworkName", "SMBAuthenticationError")
_ABSENT = ("ObjectNameNotFound", "ObjectPathNotFound", "StatusNotADirectory")
_AT_ONCE = 64 * 1024
# MS-SMB2 2.2.13 and MS-FSCC, 2024-04
_READ, _WRITE, _DELETE, _LIST = 0x00120089, 0x00120116, 0x00110080, 0x00100081
_OPEN, _OPEN_OR_CREATE, _CREATE_OR_REPLACE = 1, 3, 5
_PLAIN_FILE, _DELETE_ON_CLOSE, _FOLDER = 0x40, 0x1040, 0x1
_SHARED, _NORMAL, _IMPERSONATION = 0x7, 0x80, 2


class SmbError(OSError):
    """The server refuses, for a reason of `kind` (`AccessDenied`, `StatusNotADirectory`, … of smbprotocol).

    With `shut` it does not let this user in; anything else proves nothing about that.
    """

    def __init__(self, what: str, kind: str) -> None:
        super().__init__(f"{what}: {kind}")
        self.kind, self.shut = kind, kind in _SHUT


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A user, `NAME` or `DOMAIN\\NAME`."""

    username: str
    password: str = field(repr=False)


def account_of(value: str, reference: str) -> Account:
    """Return the user in a secret's value: JSON with `username` and `password`.

    Raises:
        ProviderError: It has another shape (`invalid`); the message names the secret, never its value.
    """
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    names = [found.get(key) for key in ("username", "password")] if isinstance(found, dict) else []
    if not names or not all(isinstance(one, str) and one for one in names):
        message = f'secret {reference} does not hold {{"username": …, "password": …}} of a user of the domain'
        raise ProviderError(message, code="invalid")
    return Account(username=str(names[0]), password=str(names[1]))


@contextmanager
def mounted(dialer: Dialer, host: str, share: str, account: Account) -> Iterator[Share]:
    """Mount `share` of a gateway for the block.

    Raises:
        SmbError: The gateway does not let the user in (`shut`), or refuses something.
        OSError: It cannot be reached.
    """
    with signed_in(dialer, host, account) as session:
        yield session.share(share)


@contextmanager
def signed_in(dialer: Dialer, host: str, account: Account, *, newest: bool = False) -> Iterator[Session]:
    """Sign in at a server for the block. With `newest` it must speak SMB 3.1.1 sealed with AES-GCM, and nothing older.

    Raises:
        SmbError: The server does not let the user in (`shut`), or refuses something, in the block too.
        OSError: It cannot be reached.
    """
    from smbprotocol.connection import Ciphers, Connection, Dialects
    from smbprotocol.exceptions import SMBException
    from smbprotocol.session import Session as SignedIn

    route = dialer.route(host, PORT)
    connection = Connection(uuid.uuid4(), route.host, route.port, require_signing=True)
    try:
        if newest:
            sealing = [Ciphers.AES_256_GCM, Ciphers.AES_128_GCM]
            connection.connect(Dialects.SMB_3_1_1, timeout=_TIMEOUT_S, preferred_encryption_algos=sealing)
        else:
            connection.connect(timeout=_TIMEOUT_S)
        session = SignedIn(
            connection, account.username, account.password, require_encryption=True, auth_protocol="ntlm"
        )
        session.connect()
        yield Session(session, host)
    except SMBException as error:
        raise SmbError(host, type(error).__name__) from error
    except ValueError as error:  # what the library raises where a port refuses
        raise OSError(f"{host}:{PORT} cannot be reached: {error}") from error
    finally:
        with suppress(SMBException, OSError, ValueError):
            connection.disconnect(close=True, timeout=_TIMEOUT_S)


class Session:
    """A user who signed in at a server."""

    def __init__(self, session: SignedIn, host: str) -> None:
        self._session, self._host = session, host

    def share(self, name: str) -> Share:
        """Mount a share.

        Raises:
            SmbError: There is none, or it does not let the user in (`shut`).
        """
        from smbprotocol.exceptions import SMBException
        from smbprotocol.tree import TreeConnect

        tree = TreeConnect(self._session, f"\\\\{self._host}\\{name}")
        try:
            tree.connect()
        except SMBException as error:
            raise SmbError(f"share {name} of {self._host}", type(error).__name__) from error
        return Share(tree, name)


class Share:
    """A mounted share. Names are paths in it, `/` between folders; what the server refuses is an SmbError."""

    def __init__(self, tree: TreeConnect, name: str) -> None:
        self._tree, self._name = tree, name

    def folder(self, name: str) -> None:
        """Make a folder where there is none; its parent must be there."""
        with self._opened(name, _LIST, _OPEN_OR_CREATE, _FOLDER):
            pass

    def has(self, folder: str) -> bool:
        """Tell whether a folder is there; `` is the share's root."""
        try:
            with self._opened(folder, _LIST, _OPEN, _FOLDER):
                return True
        except SmbError as error:
            if error.kind in _ABSENT:
                return False
            raise

    def write(self, name: str, data: bytes) -> None:
        """Make a file, or replace one."""
        with self._opened(name, _WRITE, _CREATE_OR_REPLACE, _PLAIN_FILE) as file:
            for at in range(0, len(data), _AT_ONCE):
                file.write(data[at : at + _AT_ONCE], at)

    def read(self, name: str, limit: int) -> bytes:
        """Return the beginning of a file, `limit` bytes at most."""
        with self._opened(name, _READ, _OPEN, _PLAIN_FILE) as file:
            return bytes(file.read(0, limit))

    def remove(self, name: str) -> None:
        """Remove a file."""
        with self._opened(name, _DELETE, _OPEN, _DELETE_ON_CLOSE):
            pass

    @contextmanager
    def _opened(self, name: str, access: int, disposition: int, options: int) -> Iterator[Open]:
        from smbprotocol.exceptions import SMBException
        from smbprotocol.open import Open as Opened

        file = Opened(self._tree, name.replace("/", "\\"))
        try:
            file.create(_IMPERSONATION, access, _NORMAL, _SHARED, disposition, options)
            try:
                yield file
            finally:
                file.close()
        except SMBException as error:
            raise SmbError(f"{self._name}/{name}".rstrip("/"), type(error).__name__) from error


if TYPE_CHECKING:
    from smbprotocol.open import Open
