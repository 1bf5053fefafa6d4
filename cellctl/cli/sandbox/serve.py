"""`cellctl sandbox serve`: keep the stand-ins up, to try real clients on them."""

from __future__ import annotations

import signal
import threading

from cellctl.cli.options import Format, FormatOption, HomeOption


def serve(home: HomeOption = None, format_: FormatOption = Format.TEXT) -> None:
    """Keep the stand-ins (SQL Server, Storage Gateway, Octopus nodes) up until Ctrl-C and print their addresses."""
    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control
    from cellctl.views.sandbox_text import served_text

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with open_control(home).serve() as served:
        if format_ is Format.JSON:
            streams.show_json({"endpoints": list(served)})
        else:
            streams.show(served_text(served))
        stopped.wait()
    streams.say("Stopped.")
