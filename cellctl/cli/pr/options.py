"""Options that the commands of `cellctl pr` share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class ForgeName(StrEnum):
    """Where a comment can go."""

    GITHUB = "github"
    GITLAB = "gitlab"
    AZURE_DEVOPS = "azure-devops"


NumberOption = Annotated[
    int,
    typer.Option(
        "--pull-request", metavar="NUMBER", min=0, help="The pull request; else the event's.", show_default=False
    ),
]
