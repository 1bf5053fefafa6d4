"""What the real CLI starts as a plugin where a desk serves: `python -I -S visitor.py SOCKET PACKAGE`.

It gets a port at the desk, tells the CLI of it, and stays until the CLI closes standard input. Nothing is imported that
an interpreter does not have at hand: that is what it is for.
"""

from __future__ import annotations

import signal
import socket
import sys


def main(path: str, package: str) -> None:
    """Visit; where the desk is closed the CLI hears of a plugin that ended before it gave a port."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # so the CLI ends its plugins
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as desk:
        desk.connect(path)
        desk.sendall(f"{package}\n".encode())
        port = desk.makefile().readline()
        sys.stdout.write(port)
        sys.stdout.flush()
        while port and sys.stdin.read(4096):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
