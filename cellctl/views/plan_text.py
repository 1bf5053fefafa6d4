"""A Plan as text for people: grouped by component, what is dangerous first, properties of what changes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from cellctl.errors import Objection
from cellctl.listing import some
from cellctl.plan import Change, Plan, PropertyChange
from cellctl.state.values import Value
from cellctl.views.text import SANDBOX_NOTE, component_name, count, duration, fit, said, tally, type_name

SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-", "import": "=", "read": "?", "refresh": "~"}
STYLES = {"create": "green", "update": "yellow", "replace": "bold magenta", "delete": "bold red", "import": "cyan"}
VERBS = {
    "create": "to create",
    "update": "to change",
    "replace": "to REPLACE",
    "delete": "to DELETE",
    "import": "to adopt",
}
_MOST_PROPERTIES = 12
_MOST_ALIKE = 3  # more of one type that share a fate, and hold no data or go, share a line
_MOST_NEEDING = 3
_VALUE_WIDTH = 48


def headline(plan: Plan) -> Text:
    """Return `acme · aws · account sandbox`, with the sandbox note where nothing is real."""
    line = Text.assemble((plan.cell, "bold"), f" · {plan.cloud} · account {plan.account}")
    if plan.account == "sandbox":
        line.append(f" · {SANDBOX_NOTE}", style="cyan")
    return line


def counts(plan: Plan) -> Text:
    """Return `Plan: 118 to create, 2 to change; 7 stay as they are`."""
    summary = {**plan.of_cloud(), "import": sum(one.action == "import" and one.of_cloud for one in plan.changes)}
    parts = [f"{summary[action]} {verb}" for action, verb in VERBS.items() if summary.get(action)]
    same = summary["same"]
    if not parts and not plan.empty:
        return Text("Nothing in the cloud would change, only how cellctl keeps it in its state.")
    if not parts:
        return Text(f"Nothing would change: {count(same, 'resource')} as described." if same else "Nothing to do.")
    line = Text("Plan: ").append(", ".join(parts), style="bold")
    if same:
        line.append(f"; {same} stay as they are")
    return line


def alarms(plan: Plan) -> list[Text]:
    """Return what one would be woken up for, first: data that go, and outages; nothing where there is none."""
    acting = [change for change in plan.changes if _counts(change)]
    lost = [change for change in acting if change.stateful and change.action in ("replace", "delete")]
    hold = "holds" if len(lost) == 1 else "hold"
    data = f"! DATA: {_some(lost, plan.operation)}, which {hold} data."
    lines = [Text(data, style="bold red")] if lost else []
    if plan.operation == "up":
        for means, words in (("outage", "OUTAGE"), ("brief", "a minute or two")):
            for why in dict.fromkeys(change.downtime_why for change in acting if change.downtime == means):
                cause = [change.name for change in acting if (change.downtime, change.downtime_why) == (means, why)]
                line = f"! {words}: {why} ({', '.join(cause[:3])}{', …' if len(cause) > 3 else ''})."
                lines.append(Text(line, style="bold red" if means == "outage" else "yellow"))
    return lines


def _some(changes: Sequence[Change], operation: str) -> str:
    verb = {"up": "replaces or deletes", "down": "removes"}.get(operation, "finds gone")
    return f"this {verb} {some([change.name for change in changes], 3)}"


def plan_text(plan: Plan, *, details: bool = False) -> RenderableType:
    """Return the whole Plan; what only comes or goes is summed up unless `details`, the rest is spelled out.

    What holds data is always spelled out when it is changed, replaced or deleted.
    """
    lines: list[RenderableType] = [headline(plan), *alarms(plan), counts(plan)]
    spelled = [change for change in plan.changes if _shown_alone(change, details)]
    grouped = [change for change in plan.changes if _counts(change) and not _shown_alone(change, details)]
    order = {"replace": 0, "delete": 1, "update": 2, "import": 3, "create": 4}
    ranked = sorted(spelled, key=lambda c: (not c.stateful, order.get(c.action, 5), type_name(c.type), c.urn))
    crowded = False
    for (action, type_, _), same in itertools.groupby(ranked, key=lambda c: (c.action, c.type, c.stateful)):
        members = list(same)
        if len(members) > _MOST_ALIKE and not details and (action == "delete" or not members[0].stateful):
            lines.append(_alike_line(action, type_, members))
            crowded = crowded or action != "delete"
        else:
            lines.extend(line for change in members for line in _change_lines(change))
    if crowded:
        lines.append(Text("  `--details` spells out every change.", style="dim"))
    lines.extend(_groups(plan, grouped))
    slowest = max((change.expected_s or 0 for change in plan.changes if _counts(change)), default=0)
    if slowest >= 1:
        lines.append(Text(f"The slowest step usually takes {duration(slowest)} of the cloud's time.", style="dim"))
    if cost := _cost(plan):
        lines.append(Text(cost, style="dim"))
    for diagnostic in plan.diagnostics:
        if diagnostic.severity != "info":
            style = "red" if diagnostic.severity == "error" else "yellow"
            lines.append(Text(said(diagnostic), style=style))
    return Group(*lines)


def _cost(plan: Plan) -> str:
    """Say what the cell costs a month and what the plan changes of that; `` where no price is known."""
    before, after = (round(usd) for usd in plan.monthly_usd())
    if before == after or not plan.complete:
        return f"Costs about {after:,} USD a month, as before." if after and not plan.empty and plan.complete else ""
    if not after:
        return f"Saves about {before:,} USD a month."
    change = f", {abs(after - before):,} {'more' if after > before else 'less'} than now" if before else ""
    return f"Costs about {after:,} USD a month{change}: list prices, without what is paid by use."


def objections_text(objections: Sequence[Objection]) -> RenderableType:
    """Return every objection: the reason, the remedy, the flag that would allow it."""
    lines: list[RenderableType] = []
    for objection in objections:
        lines.append(Text.assemble(("refused ", "bold red"), f"[{objection.code}] {objection.reason}"))
        lines.append(Text(f"  {objection.remedy}"))
        if objection.flag:
            lines.append(Text(f"  Allowed by: {objection.flag}", style="dim"))
    return Group(*lines)


def _counts(change: Change) -> bool:
    """Whether a reader cares: not components, nor the providers that only carry configuration."""
    return change.of_cloud and change.action not in ("same", "read")


def _shown_alone(change: Change, details: bool) -> bool:
    if not _counts(change):
        return False
    plain = change.action == "create" or (change.action == "delete" and not change.stateful)
    return details or not plain


def _alike_line(action: str, type_: str, members: Sequence[Change]) -> Text:
    """One line for many of a type that share a fate: how many, because of what, and the names there is room for."""
    line = Text.assemble("  ", (f"{SIGNS[action]} {len(members)} {type_name(type_)}", STYLES.get(action, "")))
    causes = sorted({item.path.partition("[")[0] for change in members for item in change.diff if _tells(item, action)})
    if causes:
        line.append(f"  {', '.join(causes)}", style="magenta" if action == "replace" else "yellow")
    if members[0].stateful:
        line.append("  hold data", style="bold red")
    if usual := _usual(members):
        line.append(f"  {usual}", style="dim")
    line.append(f": {', '.join(change.name for change in members)}", style="dim")
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _tells(item: PropertyChange, action: str) -> bool:
    """Whether a property says why: of a replacement, only what forces it does."""
    return item.replaces or action != "replace"


def _change_lines(change: Change) -> list[RenderableType]:
    sign, style = SIGNS.get(change.action, " "), STYLES.get(change.action, "")
    line = Text.assemble("  ", (f"{sign} {change.name}", style), f"  {type_name(change.type)}")
    if change.stateful:
        line.append("  holds data", style="bold red" if change.action in ("replace", "delete") else "yellow")
    if change.blocked_by and not change.stateful:
        line.append(f"  blocked by {change.blocked_by}", style="bold red")
    lines: list[RenderableType] = [line]
    if change.action == "create":
        return lines
    most = len(change.diff) if change.action == "import" else _MOST_PROPERTIES  # all of what others relied upon
    lines.extend(_property_line(item) for item in change.diff[:most])
    hidden = len(change.diff) - most
    if hidden > 0:
        lines.append(Text(f"      and {count(hidden, 'more property', 'more properties')}", style="dim"))
    shown = {item.path for item in change.diff}
    causes = [key for key in change.replace_keys if key not in shown]
    if causes:
        lines.append(Text(f"      replaced because of: {', '.join(causes)}", style="magenta"))
    if follows := " · ".join(part for part in (_usual([change]), _needed_by(change)) if part):
        lines.append(Text(f"      {follows}", style="dim", no_wrap=True, overflow="ellipsis"))
    return lines


def _usual(changes: Sequence[Change]) -> str:
    """Say how long the slowest of them usually takes; `` where that is unknown or not worth a word."""
    slowest = max((change.expected_s or 0 for change in changes), default=0)
    each = " each" if len(changes) > 1 else ""
    return f"usually takes {duration(slowest)}{each}" if slowest >= 1 else ""


def _needed_by(change: Change) -> str:
    """Say how many things of a cloud depend on it, and the first of them."""
    total = len(change.needed_by) + change.needed_by_more
    names = [urn.rpartition("::")[2] for urn in change.needed_by[:_MOST_NEEDING]]
    more = ", …" if total > len(names) else ""
    return f"needed by {total}: {', '.join(names)}{more}" if total else ""


def _property_line(item: PropertyChange) -> Text:
    line = Text(f"      {item.path}: ")
    if item.kind == "add":
        line.append(_value(item.after), style="green")
    elif item.kind == "delete":
        line.append(_value(item.before), style="red").append(" removed")
    else:
        line.append(_value(item.before), style="red").append(" → ").append(_value(item.after), style="green")
    if item.replaces:
        line.append("  forces replacement", style="bold magenta")
    return line


def _value(value: Value) -> str:
    text = value if isinstance(value, str) and value else json.dumps(_ordered(value), ensure_ascii=False)
    return fit(" ".join(text.split()), _VALUE_WIDTH)


def _ordered(value: Value) -> Value:
    """Return `value` with its names first and the rest by key: it is cut short, and engines order keys at random."""
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=lambda key: (key != "name", key))}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def _groups(plan: Plan, changes: Sequence[Change]) -> list[RenderableType]:
    """One line for each component whose resources only come or only go, in the order of the program."""
    components = {change.urn: change for change in plan.changes if not change.custom}
    groups: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        owner = components.get(change.parent)
        label = component_name(owner.type) if owner and not owner.type.startswith("pulumi:") else "around it"
        groups.setdefault((change.action, label), []).append(change)
    return [_group_line(action, label, members) for (action, label), members in groups.items()]


def _group_line(action: str, label: str, members: Sequence[Change]) -> Text:
    line = Text.assemble("  ", (f"{SIGNS[action]} ", STYLES[action]), f"{label:<18} {len(members):>3}  ")
    keeps = sum(change.stateful for change in members)
    if keeps:
        line.append(f"{keeps} hold data: " if keeps > 1 else "1 holds data: ", style="yellow")
    ordered = sorted(members, key=lambda change: not change.stateful)
    line.append(tally((type_name(change.type) for change in ordered), 3), style="dim")
    line.no_wrap, line.overflow = True, "ellipsis"
    return line
