"""`cellctl sandbox drift`: let objects change behind everybody's back, now or later."""

from __future__ import annotations

import json
from typing import Annotated, Optional

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption
from cellctl.cli.sandbox.options import (
    CellOption,
    ClearOption,
    CloudOption,
    ListFlag,
    NameOption,
    RateOption,
    TypeOption,
    matched,
    removed,
    rule_number,
    seconds,
)

SetOption = Annotated[
    Optional[list[str]],  # noqa: UP045  typer reads the annotation
    typer.Option(
        "--set", metavar="PATH=VALUE", help="What changes; null removes it. May be given often.", show_default=False
    ),
]
DeleteFlag = Annotated[bool, typer.Option("--delete", help="The object vanishes instead.")]
AfterOption = Annotated[
    str, typer.Option("--after", metavar="TIME", help="Simulated time until then: 90, 15m, 2h, 7d; 0 is at once.")
]


def drift(
    *,
    type_: TypeOption = None,
    name: NameOption = None,
    cell: CellOption = None,
    cloud: CloudOption = None,
    set_: SetOption = None,
    delete: DeleteFlag = False,
    after: AfterOption = "0",
    rate: RateOption = 1.0,
    clear: ClearOption = None,
    list_: ListFlag = False,
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Add a rule by which objects drift, list the rules, or clear them.

    A rule is about the objects there are and those to come. `cellctl refresh` and `preview --refresh all` find drift.

    `cellctl sandbox drift --type aws:rds/instance:Instance --set backupRetentionPeriod=1`

    `cellctl sandbox drift --type 'azure-native:*' --set tags.costCenter=unassigned --after 2h --rate 0.3`

    `cellctl sandbox drift --name 'acme-*' --delete --after 7d`
    """
    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control
    from cellctl.errors import UsageError
    from cellctl.views.sandbox_text import rules_text

    control = open_control(home)
    if clear is not None:
        number = rule_number(clear)
        streams.say(removed(control.clear_drifts(number), number, "drift"))
        return
    rule = matched(control, type_=type_, name=name, cell=cell, cloud=cloud)
    if (set_ or delete) and not list_:
        rule |= {"set": dict(_pair(item) for item in set_ or []), "delete": delete, "rate": rate}
        rule["after_s"] = seconds(after, "--after")
        try:
            number, now = control.add_drift(rule)
        except ValueError as wrong:
            raise UsageError(f"this rule makes no sense: {wrong}", hint="`cellctl sandbox drift --help`") from wrong
        streams.say(
            f"Rule #{number} is in force, {now} objects have drifted; `cellctl sandbox drift --clear {number}` ends it."
        )
        return
    if rule and not list_:
        raise UsageError("say what changes", hint="add --set PATH=VALUE, or --delete")
    if format_ is Format.JSON:
        streams.show_json({"drifts": control.drifts()})
    else:
        streams.show(rules_text(control.drifts(), "No rules: nothing drifts by itself."))


def _pair(text: str) -> tuple[str, object]:
    from cellctl.errors import UsageError

    path, equals, value = text.partition("=")
    if not path or not equals:
        raise UsageError(f"'{text}' is no change", hint="say --set PATH=VALUE, for example --set tags.owner=nobody")
    try:
        return path, json.loads(value)
    except ValueError:
        return path, value
