"""A real SMB server of our own on loopback, for as long as a test: smbd (Debian's `samba`), ended by its process id."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

_UNIX = "nobody"  # Samba wants a user of the system behind each of its own; files are root's
_CONFIGURATION = """
[global]
interfaces = 127.0.0.1
bind interfaces only = yes
smb ports = {port}
disable netbios = yes
load printers = no
printcap name = /dev/null
security = user
map to guest = never
restrict anonymous = 2
passdb backend = tdbsam:{folder}/users.tdb
username map = {folder}/names
private dir = {folder}
lock directory = {folder}/lock
state directory = {folder}/lock
cache directory = {folder}/lock
pid directory = {folder}/lock
ncalrpc dir = {folder}/lock/ncalrpc
log file = {folder}/log
server min protocol = {oldest}
server max protocol = {newest}
server smb encrypt = required
ntlm auth = ntlmv2-only
force user = root
"""
_SHARE = "\n[{name}]\npath = {folder}/shares/{name}\nread only = {read_only}\n"
_WAIT_S = 20.0


class Samba:
    """A server with shares `packages` and `artifacts`, and `closed`, which is read-only. Its one user is `account`."""

    def __init__(self, folder: Path, account: str, password: str, *, oldest: str, newest: str) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        for name in ("lock", "lock/ncalrpc", "shares"):
            (folder / name).mkdir(mode=0o755, parents=True, exist_ok=True)
        text = _CONFIGURATION.format(port=self.port, folder=folder, oldest=oldest, newest=newest)
        for name in ("packages", "artifacts", "closed"):
            (folder / "shares" / name).mkdir()
            text += _SHARE.format(name=name, folder=folder, read_only="yes" if name == "closed" else "no")
        (folder / "smb.conf").write_text(text)
        (folder / "names").write_text(f"{_UNIX} = {account}\n")
        configured = f"--configfile={folder / 'smb.conf'}"
        command = ["pdbedit", configured, "--create", "--password-from-stdin", f"--user={_UNIX}"]
        subprocess.run(command, input=f"{password}\n{password}\n", text=True, check=True, capture_output=True)
        self._process = subprocess.Popen(
            ["smbd", "--foreground", "--no-process-group", configured], start_new_session=True,  # it ends its group
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def share(self, name: str) -> Path:
        """Return the folder behind a share."""
        return self.folder / "shares" / name

    def wait(self) -> None:
        """Wait until the server answers."""
        end = time.monotonic() + _WAIT_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert self._process.poll() is None, "smbd ended"
            assert time.monotonic() < end, "smbd does not listen"
            time.sleep(0.05)

    def close(self) -> None:
        """End the server, and with it what it started for clients."""
        self._process.terminate()
        self._process.wait(timeout=_WAIT_S)


@contextlib.contextmanager
def running(
    folder: Path, account: str, password: str, *, oldest: str = "SMB3_11", newest: str = "SMB3_11"
) -> Iterator[Samba]:
    """Run a server for the block."""
    server = Samba(folder, account, password, oldest=oldest, newest=newest)
    try:
        server.wait()
        yield server
    finally:
        server.close()
