"""The console of Rich, made patient: a reader that goes away ends no operation."""

from __future__ import annotations

import os

from rich.console import Console


class PatientConsole(Console):
    """A console that writes to nowhere once its reader is gone, where Rich's own would end the process with code 1."""

    def on_broken_pipe(self) -> None:
        """Lead the closed stream to nowhere and go on."""
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())
        except (OSError, ValueError):
            self.quiet = True
