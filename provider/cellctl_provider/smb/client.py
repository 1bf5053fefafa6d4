"""Mount a share as a user of a domain and write, read and remove files directly in it, encrypted (SMB 3, MS-SMB2).

Signs in with NTLMv2, as a node does that mounts by a name of its cell: the domain has no Kerberos principal of it.
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
    from smbprotocol.tree import TreeConnect

    from cellctl.dialer import Dialer

PORT = 445
_TIMEOUT_S = 10
_SHUT = ("LogonFailure", "AccessDenied", "BadNetworkName", "SMBAuthenticationError")
_AT_ONCE = 64 * 1024
# MS-SMB2 2.2.13 and MS-FSCC, 2024-04
_READ, _WRITE, _DELETE = 0x00120089, 0x00120116, 0x00110080
_OPEN, _CREATE_OR_REPLACE = 1, 5
_PLAIN_FILE, _DELETE_ON_CLOSE = 0x40, 0x1040
_SHARED, _NORMAL, _IMPERSONATION = 0x7, 0x80, 2


class SmbError(OSError):
    """The server refuses. With `shut` it does not let this user in; anything else proves nothing about that."""

    def __init__(self, message: str, *, shut: bool) -> None:
        super().__init__(message)
        self.shut = shut


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A user of a domain, `NAME` or `DOMAIN\\NAME`."""

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
    from smbprotocol.connection import Connection
    from smbprotocol.exceptions import SMBException
    from smbprotocol.session import Session
    from smbprotocol.tree import TreeConnect

    route = dialer.route(host, PORT)
    connection = Connection(uuid.uuid4(), route.host, route.port, require_signing=True)
    try:
        connection.connect(timeout=_TIMEOUT_S)
        session = Session(connection, account.username, account.password, require_encryption=True, auth_protocol="ntlm")
        session.connect()
        tree = TreeConnect(session, f"\\\\{host}\\{share}")
        tree.connect()
        yield Share(tree)
    except SMBException as error:
        kind = type(error).__name__
        raise SmbError(f"share {share} of {host}: {kind}", shut=kind in _SHUT) from error
    except ValueError as error:  # what the library raises where a port refuses
        raise OSError(f"{host}:{PORT} cannot be reached: {error}") from error
    finally:
        with suppress(SMBException, OSError, ValueError):
            connection.disconnect(close=True, timeout=_TIMEOUT_S)


class Share:
    """A mounted share."""

    def __init__(self, tree: TreeConnect) -> None:
        self._tree = tree

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
        from smbprotocol.open import Open as Opened

        file = Opened(self._tree, name)
        file.create(_IMPERSONATION, access, _NORMAL, _SHARED, disposition, options)
        try:
            yield file
        finally:
            file.close()


if TYPE_CHECKING:
    from smbprotocol.open import Open
