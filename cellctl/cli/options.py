"""Arguments and options that several commands share, each written once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Optional

import typer


class OutputMode(StrEnum):
    """How progress is shown."""

    AUTO = "auto"
    LIVE = "live"
    PLAIN = "plain"
    JSONL = "jsonl"


class Format(StrEnum):
    """How a list or a value is printed on stdout."""

    TEXT = "text"
    JSON = "json"


class RefreshScope(StrEnum):
    """What is read from the cloud before a preview."""

    NONE = "none"
    STATEFUL = "stateful"
    ALL = "all"


class EngineName(StrEnum):
    """Which engine runs the program."""

    AUTO = "auto"
    EMBEDDED = "embedded"
    PULUMI = "pulumi"


def help_if_alone(context: typer.Context) -> None:
    """Print the help of a group that was called without a command."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def complete_cell(context: typer.Context, incomplete: str) -> list[str]:
    """Return names of cells in this home that begin with what was typed; nothing heavy is loaded."""
    from cellctl.cli.place import cell_names

    home = context.params.get("home")  # here still the text that was typed, or that of CELLCTL_HOME
    return [name for name in cell_names(Path(home) if home else None) if name.startswith(incomplete)]


def complete_cloud(incomplete: str) -> list[str]:
    """Return clouds that begin with what was typed."""
    return [name for name in ("aws", "azure") if name.startswith(incomplete)]


CellArgument = Annotated[
    Optional[str],  # noqa: UP045  typer reads the annotation
    typer.Argument(metavar="CELL", help="A cell's name, or the path of its file.", autocompletion=complete_cell),
]
CloudOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--cloud", help="aws or azure: for a new cell, or to pick one.", autocompletion=complete_cloud),
]
HomeOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--home",
        envvar="CELLCTL_HOME",
        help="Folder with cellctl.yaml; by default the nearest one upwards.",
        show_default=False,
    ),
]
OutputOption = Annotated[OutputMode, typer.Option("--output", help="How progress is shown.")]
FormatOption = Annotated[Format, typer.Option("--format", help="How the result is printed.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. Never allows what a guard refuses.")]
ClockOption = Annotated[
    str,
    typer.Option(
        "--clock", help="Sandbox time: `stepped` does not wait at all, a number is the speed-up.", show_default=False
    ),
]
EngineOption = Annotated[EngineName, typer.Option("--engine", help="auto: embedded in the sandbox, pulumi elsewhere.")]
RefreshOption = Annotated[RefreshScope, typer.Option("--refresh", help="What is read from the cloud first.")]
AllowReplaceOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--allow-replace", metavar="URN", help="Allow this stateful resource to be replaced.", show_default=False
    ),
]
AcceptLossOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--accept-data-loss",
        metavar="URN",
        help="Lose what this named resource holds although no backup of it is proven.",
        show_default=False,
    ),
]
OverrideOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--override",
        metavar="CODE",
        help="Take this refusal upon yourself: frozen, outside_window, policy_….",
        show_default=False,
    ),
]
AdoptOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--adopt",
        metavar="URN=ID",
        help="Take this cloud object over for a stateful resource that is gone.",
        show_default=False,
    ),
]
ForgetOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--forget",
        metavar="URN",
        help="Forget this stateful resource that is gone: an empty one is created.",
        show_default=False,
    ),
]
DeadlineOption = Annotated[
    str,
    typer.Option(
        "--deadline",
        metavar="TIME",
        help="Let no step (preview, apply, verify) take longer than 90s, 30m or 2h.",
        show_default=False,
    ),
]
PlanOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--plan",
        metavar="FILE",
        help="Apply what --save wrote and somebody approved, and nothing else; asks nothing.",
        show_default=False,
    ),
]
ApprovalOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--approval", metavar="FILE", help="What `approve` wrote; goes with --plan.", show_default=False),
]
SavePlanOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--save", metavar="FILE", help="Write the plan here, for `approve` and --plan; changes nothing.",
        show_default=False,
    ),
]  # fmt: skip
LastsOption = Annotated[str, typer.Option("--expires", metavar="TIME", help="How long a saved plan may be applied.")]
DetailsOption = Annotated[bool, typer.Option("--details", help="List every resource of the plan.")]
