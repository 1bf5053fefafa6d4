"""What a preview knows of an object: its inputs, and the outputs that cannot change. Connects nowhere."""

from __future__ import annotations

from collections.abc import Mapping

from cellctl.state.values import UNKNOWN, Struct, Value, bare, contains_unknown
from cellctl_provider.protocol import Update
from cellctl_sandbox.clouds.behaviour import Behaviour


def previewed(behaviour: Behaviour, inputs: Struct) -> Struct:
    """Return what is known before an object exists: its inputs. Outputs the service fills in are unknown."""
    known = given(inputs)
    for name, shape in behaviour.shape.outputs.items():
        if name not in known and (not shape.optional or name in behaviour.outputs):
            known[name] = UNKNOWN
    for name in _reshaped(behaviour):
        known[name] = UNKNOWN
    return known


def _reshaped(behaviour: Behaviour) -> list[str]:
    """Return the outputs whose shape is not their input's: echoing the input would not be what the SDK expects."""
    templates = behaviour.outputs.items()
    return [name for name, item in templates if isinstance(item, dict) and item.get("unless_input") is False]


def _outputs_only(behaviour: Behaviour, request: Update) -> Struct:
    """Return the old outputs that stay in an update: all that are not inputs, unknown where they follow a change."""
    kept = {key: value for key, value in request.olds.items() if key not in request.old_inputs}
    if "tagsAll" in kept and bare(request.old_inputs.get("tags")) != bare(request.news.get("tags")):
        kept["tagsAll"] = UNKNOWN
    for name, template in behaviour.outputs.items():
        if name in kept and any(
            contains_unknown(request.news.get(key)) for key in request.news if key in str(template)
        ):
            kept[name] = UNKNOWN
    return kept


def foreseen(behaviour: Behaviour, request: Update) -> Struct:
    """Return the outputs that an update will have, as far as they are known before it."""
    known = {**_outputs_only(behaviour, request), **given(request.news)}
    for name in _reshaped(behaviour):
        same = bare(request.old_inputs.get(name)) == bare(request.news.get(name))
        known[name] = request.olds.get(name, UNKNOWN) if same else UNKNOWN
    return known


def given(inputs: Mapping[str, Value]) -> Struct:
    """Return the inputs that have a value."""
    return {key: value for key, value in inputs.items() if value is not None}
