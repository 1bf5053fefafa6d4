"""What a service fills in: the outputs of an object, from templates, the SDK's shape and what the data call secret."""

from __future__ import annotations

from collections.abc import Mapping

from cellctl.facts.conditions import at
from cellctl.state.values import Struct, Value, bare, contains_secret, secret
from cellctl_sandbox.clouds.behaviour import Behaviour
from cellctl_sandbox.clouds.paths import with_value
from cellctl_sandbox.clouds.records import CloudRecord
from cellctl_sandbox.clouds.templates import Scope, moment, render_marked


def outputs_of(behaviour: Behaviour, scope: Scope, default_tags: Mapping[str, str]) -> Struct:
    """Return everything the service fills in. What no template gives is the empty value of its type, or absent.

    `scope.outputs` holds the outputs before (of an update): what is made once keeps its value.
    """
    before, scope.outputs = dict(scope.outputs), {}
    for name, template in behaviour.outputs.items():
        entry, input_wins = _entry(template)
        if input_wins and scope.values.get(name) is not None:
            continue
        kept = before.get(name) if _made_once(entry) else None
        value = render_marked(entry, scope, name) if kept is None else kept
        if value is not None:
            scope.outputs[name] = value
    if behaviour.package == "aws":
        _complete_aws(behaviour, scope, default_tags)
    for name, shape in behaviour.shape.outputs.items():
        if name not in scope.outputs and name not in scope.values and not shape.optional:
            scope.outputs[name] = shape.empty
    return marked(behaviour, scope.outputs)


def settled(record: CloudRecord, now_s: float) -> bool:
    """Tell whether time changes nothing more in what the service tells of an object."""
    return now_s >= record.timeline.due_s and not record.timeline.left


def visible(behaviour: Behaviour | None, record: CloudRecord, now_s: float) -> Struct:
    """Return the properties of an object as the service tells them at a time: outputs appear, and the state passes."""
    properties, course = record.properties(), record.timeline
    if settled(record, now_s):
        return properties
    for name, since in course.outputs.items():
        if now_s < since:
            properties.pop(name, None)
    state = course.state(now_s)
    if behaviour is not None and behaviour.state_output and state:
        properties = with_value(properties, behaviour.state_output, state)
    return properties


def moved(behaviour: Behaviour, properties: Struct, now_s: float) -> Struct:
    """Return properties with the times that go on by themselves as the service tells them at `now_s`.

    A time before the sandbox's own first second was put there by somebody and stays.
    """
    found = dict(properties)
    for item in behaviour.moving:
        since = found.get(item.name)
        if item.unless is not None and item.unless.holds(properties):
            found[item.name] = ""
        elif isinstance(since, str) and since >= moment(0):
            found[item.name] = max(since, moment(max(0.0, now_s - item.behind_s)))
    return found


def _complete_aws(behaviour: Behaviour, scope: Scope, default_tags: Mapping[str, str]) -> None:
    """Fill in what the AWS provider itself adds to nearly every type: the region and all tags."""
    if "region" in behaviour.shape.outputs and "region" not in scope.values:
        scope.outputs.setdefault("region", scope.constants["region"])
    if "tagsAll" in behaviour.shape.outputs:
        given = scope.values.get("tags")
        tags = bare(given)
        found: Value = {**default_tags, **(tags if isinstance(tags, dict) else {})}
        scope.outputs["tagsAll"] = secret(found) if contains_secret(given) else found


def marked(behaviour: Behaviour, values: Struct) -> Struct:
    """Return values with what the data call secret marked so: in the file it is sealed, whatever came in."""
    marked = dict(values)
    for path in behaviour.secret:
        head = path.partition(".")[0]
        if at(marked, path) is not None and not contains_secret(marked[head]):
            marked[head] = secret(marked[head])
    return marked


def _entry(template: Value) -> tuple[Value, bool]:
    """Return an output's template, and whether an input of the same name wins over it.

    `each` adds to an input instead of replacing it, so it does not give way.
    """
    if not isinstance(template, dict):
        return template, True
    wins = bool(template.get("unless_input", "each" not in template))
    if "cases" in template:
        return {"cases": template["cases"]}, wins
    if "unless_input" in template:
        return template.get("value"), wins
    return template, wins


def _made_once(template: Value) -> bool:
    """Tell whether an output keeps its first value in updates: times and free addresses."""
    text = str(template)
    return "{now}" in text or "{address:" in text
