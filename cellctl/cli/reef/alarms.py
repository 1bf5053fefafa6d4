"""`cellctl reef alarms`: what wakes somebody about a reef, and how it stands."""

from __future__ import annotations

from cellctl.cli.options import DeadlineOption, EngineName, EngineOption, Format, FormatOption, HomeOption
from cellctl.cli.reef.place import ReefArgument


def alarms(
    reef: ReefArgument,
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
    engine: EngineOption = EngineName.AUTO,
    deadline: DeadlineOption = "",
) -> None:
    """List a reef's alarms: what each watches, when it is bad, how it stands.

    As `cellctl alarms` does of a cell. Changes nothing.
    """
    from cellctl.cli.alarms import show
    from cellctl.cli.reef.place import locate_reef

    place = locate_reef("alarms", reef, home=home)
    show(place, place.reef, format_, engine=engine, deadline=deadline)
