"""An Outcome as text for people: what happened, and what they need next."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.text import Text

from cellctl.plan import Outcome
from cellctl.state.values import Value
from cellctl.views.text import SANDBOX_NOTE, command, count, duration

_DID = {"create": "created", "update": "changed", "replace": "replaced", "delete": "deleted"}
_TITLES = {
    ("up", "succeeded"): ("✔ {cell} is up", "bold green"),
    ("up", "nothing"): ("✔ {cell} is as described; nothing was changed", "green"),
    ("down", "succeeded"): ("✔ {cell} is gone", "bold green"),
    ("down", "nothing"): ("{cell}: nothing to remove", "green"),
    ("refresh", "succeeded"): ("✔ the state of {cell} is what the cloud has", "green"),
    ("refresh", "nothing"): ("✔ the state of {cell} is what the cloud has; nothing was changed", "green"),
}


def outcome_text(outcome: Outcome, *, again: str, home: str = "") -> RenderableType:
    """Return the whole Outcome; `again` is the command that goes on, `home` the ` --home X` that commands need."""
    lines: list[RenderableType] = [_title(outcome)]
    lines.extend(Text(f"  ✔ {check}", style="green") for check in outcome.checks)
    for failure in outcome.failures:
        lines.append(Text.assemble(("  ✘ ", "bold red"), _where(failure.urn), failure.message))
        if failure.hint:
            lines.append(Text(f"    {failure.hint}", style="yellow"))
    if outcome.accepted_losses:
        lines.append(Text("Lost without a proven backup, as was accepted:", style="yellow"))
        lines.extend(Text(f"  {line}") for line in outcome.accepted_losses)
    if outcome.retained:
        lines.append(Text("Kept by the clouds' own rules:"))
        lines.extend(Text(f"  {line}") for line in outcome.retained)
    if outcome.result in ("failed", "interrupted"):
        lines.append(Text(_rest(outcome)))
        lines.append(Text.assemble("To go on: ", (again, "bold")))
    elif outcome.operation == "down" and outcome.remaining:
        lines.append(
            Text(f"  `{command('up', outcome.cell)}{home}` completes it again; `down --delete-data` deletes the data.")
        )
    elif outcome.operation == "up":
        lines.append(_next(outcome, home))
    return Group(*lines)


def _title(outcome: Outcome) -> Text:
    text, style = _TITLES.get((outcome.operation, outcome.result), ("", ""))
    if outcome.operation == "down" and outcome.result == "succeeded" and outcome.remaining:
        left = count(outcome.remaining, "resource")
        text = f"✔ {{cell}} is down; {left} stay: what holds data, and what that stands in"
    if not text:
        verb = {"interrupted": "was interrupted", "refused": "was refused"}.get(outcome.result, "failed")
        text, style = f"✘ {outcome.operation} of {{cell}} {verb}", "bold red"
    line = Text(text.format(cell=outcome.cell), style=style)
    done = [f"{outcome.of_cloud[key]} {did}" for key, did in _DID.items() if outcome.of_cloud.get(key)]
    if done:
        line.append(f" · {', '.join(done)}", style="not bold default")
    if outcome.simulated_s is not None and done:
        line.append(f" · simulated {duration(outcome.simulated_s)}", style="not bold cyan")
    line.append(f" · real {duration(outcome.wall_s)}", style="not bold dim")
    if outcome.account == "sandbox":
        line.append(f"\n  {SANDBOX_NOTE}", style="not bold cyan")
    return line


def _where(urn: str) -> str:
    return f"{urn.rpartition('::')[2]}: " if urn else ""


def _rest(outcome: Outcome) -> str:
    if outcome.operation == "down":
        return f"{count(outcome.remaining, 'resource')} left." if outcome.remaining else "Nothing is known to be left."
    if outcome.remaining:
        return f"{count(outcome.remaining, 'change')} not made yet; what was done is recorded, nothing is lost."
    return "What was done is recorded, nothing is lost."


def _next(outcome: Outcome, home: str) -> RenderableType:
    """What a person needs next. Lines are not folded, so that a command can be copied whole."""
    lines = (Text.assemble((f"  {label:<14}  ", "dim"), value) for label, value in next_steps(outcome, home))
    return Text("\n").join(lines)


def next_steps(outcome: Outcome, home: str = "") -> list[tuple[str, str]]:
    """Return label and text of: the address, signing in, polling, looking, removing."""
    outputs, cell = outcome.outputs, outcome.cell
    if cell.startswith("account/"):
        return _in_home(outputs)
    rows: list[tuple[str, str]] = []
    url = outputs.get("url")
    if isinstance(url, str):
        rows.append(("Web", url))
    administrator = outputs.get("administrator")
    password = administrator.get("passwordSecret") if isinstance(administrator, dict) else None
    if isinstance(administrator, dict) and isinstance(password, str):
        rows.append(("Sign in", f"as {administrator.get('username')}, with the password that this reads:"))
        rows.append(("", reading(password, cloud=outcome.cloud, account=outcome.account, home=home)))
    polling = outputs.get("pollAddresses")
    if isinstance(polling, list):
        rows.extend(("Tentacles poll" if at == 0 else "", str(address)) for at, address in enumerate(polling))
    rows.append(("Look", f"{command('status', cell)}{home}"))
    if outcome.account == "sandbox":
        rows.append(("", f"cellctl sandbox show --cell {cell.replace('/', '-')}{home}"))
    rows.append(("Remove", f"{command('down', cell)}{home}"))
    return rows


def _in_home(outputs: Mapping[str, Value]) -> list[tuple[str, str]]:
    """Return what `cellctl.yaml` says of an account that was brought up."""
    more = {
        key: f'"{outputs[key]}"'
        for key in ("logs", "principal", "sqlIdentity", "queueRole", "privateZones")
        if outputs.get(key)
    }
    said = {
        "apply": f'{{role: "{outputs.get("applyRole")}"}}',
        "preview": f'{{role: "{outputs.get("previewRole")}"}}',
        "state": f'"{outputs.get("state")}"',
        "secrets": f'"{outputs.get("secrets")}"',
        **more,
    }
    return [("cellctl.yaml" if at == 0 else "", f"{key}: {text}") for at, (key, text) in enumerate(said.items())]


def reading(reference: str, *, cloud: str, account: str, home: str = "") -> str:
    """Return the command that reads a secret; the secret itself is never shown here."""
    if account == "sandbox":
        return f"cellctl sandbox secret {reference}{home}"
    if cloud == "azure":
        return f"az keyvault secret show --id {reference} --query value --output tsv"
    return f"aws secretsmanager get-secret-value --secret-id {reference} --query SecretString --output text"
