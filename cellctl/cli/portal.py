"""`cellctl portal`: pages of this machine on reefs, gateways, shares and cells."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Annotated

import typer

from cellctl.cli.options import ClockOption, EngineName, EngineOption, HomeOption


def portal(
    home: HomeOption = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes any that is free.")] = 8787,
    bind: Annotated[
        str, typer.Option("--bind", help="Address of this machine alone; others are refused.")
    ] = "127.0.0.1",
    clock: ClockOption = "",
    engine: EngineOption = EngineName.AUTO,
) -> None:
    """Serve the portal on this machine until Ctrl-C: reefs, gateways with their gates, shares, cells.

    Its one button brings a gateway into service, as `cellctl gateway into-service` does. It binds to loopback only:
    whoever reaches it acts as you. Example: cellctl portal --port 8787
    """
    from cellctl.cli import streams
    from cellctl.cli.options import RefreshScope
    from cellctl.cli.place import open_home, run_options
    from cellctl.errors import UsageError

    try:
        import uvicorn

        from cellctl.portal import portal as application
        from cellctl.portal.forms import is_loopback
    except ImportError as error:
        raise UsageError(
            f"the portal needs {error.name}", hint="pip install 'cellctl[portal]'", code="portal_missing"
        ) from None
    if not is_loopback(bind):
        hint = (
            "cellctl portal --bind 127.0.0.1; to look from elsewhere forward the port, e.g. ssh -L 8787:127.0.0.1:8787"
        )
        raise UsageError(f"the portal binds to loopback only, not to {bind}", hint=hint, code="not_loopback")
    options = run_options(refresh=RefreshScope.NONE, clock=clock, engine=engine, command="cellctl portal")
    app = application(open_home(home), options=options, sandbox=not os.environ.get("CELLCTL_REQUIRE_REAL"))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    with _listening(bind, port) as listening:
        at = listening.getsockname()[1]
        streams.say(f"The portal is at http://{f'[{bind}]' if ':' in bind else bind}:{at}/ (Ctrl-C ends it).")
        with suppress(KeyboardInterrupt):  # how it is meant to end
            server.run(sockets=[listening])
    streams.say("Stopped.")


def _listening(bind: str, port: int) -> socket.socket:
    from cellctl.errors import UsageError

    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    try:
        return socket.create_server((bind, port), family=family)
    except OSError as error:
        message = f"port {port} of {bind} cannot be had: {error.strerror or error}"
        raise UsageError(message, hint="cellctl portal --port 0 takes any that is free", code="port_taken") from None
