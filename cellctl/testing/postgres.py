"""A real PostgreSQL server for tests: the system's own programs, on 127.0.0.1, gone when the block ends.

with serving() as server:
    database = Database(server.database("registry"))
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cellctl.errors import UsageError

_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
_STARTS_S = 30.0
# A test's data may be lost, so nothing waits for a disk.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
}


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server. `url` is that of its maintenance database, password included."""

    port: int
    password: str
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """URL of the database that is always there."""
        return self.of("postgres")

    def of(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql+psycopg://cellctl:{self.password}@127.0.0.1:{self.port}/{name}"

    def database(self, name: str, *, template: str = "template0") -> str:
        """Make a database and return its URL."""
        import psycopg
        from psycopg import sql

        names = sql.Identifier(name), sql.Identifier(template)
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        return self.of(name)


def programs() -> Path | None:
    """Return the folder of `initdb` and `postgres`, None where PostgreSQL is not installed."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    for pattern in _PLACES:
        folders += sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server for the block, its data in a folder of its own under the system's temporary folder.

    Raises:
        UsageError: PostgreSQL is not installed, or does not start.
    """
    folder = programs()
    if folder is None:
        raise UsageError("there is no PostgreSQL server here", hint="apt-get install postgresql", code="no_postgresql")
    root = Path(tempfile.mkdtemp(prefix="cellctl-postgres-"))
    try:
        data, password = root / "data", secrets.token_hex(16)
        secret = root / "password"
        secret.write_text(password, encoding="ascii")
        user = _user()
        if user:
            for path in (root, secret):
                shutil.chown(path, user)
        made = [folder / "initdb", "-D", data, "-U", "cellctl", "-A", "scram-sha-256", "--pwfile", secret, "-N"]
        subprocess.run([*_as(user), *map(str, made)], check=True, capture_output=True, cwd=root)
        secret.unlink()
        with _started(folder, data, user, password) as server:
            yield server
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def _started(folder: Path, data: Path, user: str, password: str) -> Iterator[Server]:
    port = _free_port()
    settings = [word for key, value in _SETTINGS.items() for word in ("-c", f"{key}={value}")]
    command = [*_as(user), str(folder / "postgres"), "-D", str(data), "-p", str(port), *settings]
    with (data.parent / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=data.parent, start_new_session=True)
    server = Server(port=port, password=password, process=process)
    try:
        _wait(server, data.parent / "log")
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(server: Server, log: Path) -> None:
    import psycopg

    until = time.monotonic() + _STARTS_S
    while True:
        try:
            psycopg.connect(server.url.replace("+psycopg", "")).close()
        except psycopg.OperationalError:
            if server.process.poll() is not None or time.monotonic() > until:
                said = log.read_text(encoding="utf-8", errors="replace")[-500:]
                raise UsageError(f"PostgreSQL does not start: {said}", code="no_postgresql") from None
            time.sleep(0.02)
        else:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _user() -> str:
    """Return who runs the server: it refuses to be root."""
    if os.geteuid() != 0:
        return ""
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _as(user: str) -> list[str]:
    """Return the words before a command that run it as `user` and end it with its parent."""
    setpriv = shutil.which("setpriv")
    if not setpriv:
        return ["runuser", "-u", user, "--"] if user else []
    other = ["--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--clear-groups"] if user else []
    return [setpriv, "--pdeathsig", "INT", *other]
