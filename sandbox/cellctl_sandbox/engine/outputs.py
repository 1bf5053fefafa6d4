"""What a step makes of a provider's answer: outputs that are secret, reasons as one text."""

from __future__ import annotations

from dataclasses import replace

from cellctl.state.resources import ResourceState
from cellctl.state.values import Struct, contains_secret, is_secret, secret


def provider_outputs(inputs: Struct) -> Struct:
    """Return a provider resource's outputs: its inputs without the engine's own key."""
    return {key: value for key, value in inputs.items() if key != "__internal"}


def with_secret_outputs(state: ResourceState) -> ResourceState:
    """Return `state` with outputs made secret that the program declared so, or whose input of that name is one."""
    marked = set(state.additional_secret_outputs) | {key for key, item in state.inputs.items() if is_secret(item)}
    if not any(key in marked and not contains_secret(item) for key, item in state.outputs.items()):
        return state
    outputs = {
        key: secret(item) if key in marked and not is_secret(item) else item for key, item in state.outputs.items()
    }
    return replace(state, outputs=outputs)


def reasons_text(reasons: tuple[str, ...]) -> str:
    """Return init errors as one message."""
    count = "1 error" if len(reasons) == 1 else f"{len(reasons)} errors"
    return f"{count} occurred:\n" + "\n".join(f"\t* {reason}" for reason in reasons)
