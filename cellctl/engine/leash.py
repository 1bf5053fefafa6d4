"""A child dies with its parent: PR_SET_PDEATHSIG, then a look at whether the parent has gone already.

Run as a file (`python -I -S leash.py PARENT_PID COMMAND ARG…`) it puts the leash on and becomes the command, so that
no Python runs between fork and exec of a process with threads. Elsewhere than on Linux there is no leash; there the
socket's end tells.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def put_on(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends; exit at once if `parent` is gone."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    put_on(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606  that is the purpose
