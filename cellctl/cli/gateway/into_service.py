"""`cellctl gateway into-service`: the last step of a gateway, taken by somebody."""

from __future__ import annotations

from cellctl.cli.gateway.place import GatewayArgument
from cellctl.cli.options import ClockOption, EngineName, EngineOption, HomeOption


def into_service(
    gateway: GatewayArgument,
    home: HomeOption = None,
    clock: ClockOption = "",
    engine: EngineOption = EngineName.AUTO,
) -> None:
    """Bring a gateway into service: cells may be placed on it.

    Tries every gate first; while one is shut this is refused (exit 4) and says which. `cellctl reef up` does it by
    itself for new gateways, unless the reef's file says `storage: {intoService: manual}`.
    """
    from cellctl.cli import streams
    from cellctl.cli.gateway.place import locate_gateway, options_of

    options = options_of("into-service", gateway, home=home, clock=clock, engine=engine)
    changed = locate_gateway(gateway, home=home).into_service(options=options)
    words = "is in service: cells may be placed on it" if changed else "was in service already"
    streams.say(f"{gateway} {words}.")
