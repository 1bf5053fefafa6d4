"""Examples of every simulated type, and the matrix of what is proved of each (tests/clouds, docs/sandbox.md)."""

from __future__ import annotations

from collections.abc import Mapping

from cellctl import facts
from cellctl.facts.conditions import at, every
from cellctl.state.values import Struct, Value
from cellctl_provider.protocol import Check, Create, Created, Provider, ProviderError
from cellctl_sandbox.clouds.behaviour import Behaviour, behaviour_of, simulated_types

FIELDS = ("required", "update", "replace", "same_name", "dependants")
"""Fields of the matrix that may be empty for a reason; round trip, unknown argument and id never are."""
TITLES: Mapping[str, str] = {
    "required": "missing argument",
    "update": "update",
    "replace": "replacement",
    "same_name": "name taken",
    "dependants": "in use",
}


class Examples:
    """Makes the example of a type and all that it refers to, each type once."""

    def __init__(self, provider: Provider, *, stack: str = "cell-trial") -> None:
        self.provider = provider
        self._stack = stack
        self.made: dict[str, tuple[Struct, Created]] = {}

    def urn(self, token: str, name: str = "example") -> str:
        """Return the URN of an example."""
        return f"urn:pulumi:{self._stack}::trial::{token}::{name}"

    def inputs(self, token: str, given: Value = None) -> Struct:
        """Return the example's inputs with references resolved; what they point at is made."""
        resolved = self._resolved(behaviour_of(token).example if given is None else given)
        assert isinstance(resolved, dict)
        return resolved

    def checked(self, token: str, inputs: Struct, name: str = "example") -> Struct:
        """Return what Check makes of inputs.

        Raises:
            ProviderError: Check refuses them.
        """
        request = Check(urn=self.urn(token, name), olds={}, news=inputs, type=token, name=name)
        checked = self.provider.check(request)
        if checked.failures:
            raise ProviderError(f"{token}: {checked.failures[0].reason}", code="invalid")
        return checked.inputs

    def make(self, token: str) -> Created:
        """Return the example object of a type, made when first asked for."""
        if token not in self.made:
            inputs = self.checked(token, self.inputs(token))
            created = self.provider.create(Create(urn=self.urn(token), properties=inputs, type=token, name="example"))
            self.made[token] = (inputs, created)
        return self.made[token][1]

    def _resolved(self, value: Value) -> Value:
        if isinstance(value, str) and value.startswith("@"):
            return self._referred(value[1:])
        if isinstance(value, dict):
            return {key: self._resolved(item) for key, item in value.items()}
        return [self._resolved(item) for item in value] if isinstance(value, list) else value

    def _referred(self, text: str) -> Value:
        """Return what `@TYPE`, `@TYPE.output` or `@TYPE/child` stands for."""
        kind, _, name = text.rpartition(":")
        short, inside, child = name.partition("/")
        last, _, output = short.partition(".")
        token = f"{kind}:{last}"
        made = self.make(token)
        found = at({"id": made.id, **made.properties}, output) if output else made.id
        return f"{found}/{child}" if inside else found


def dependant_of(target: str) -> tuple[str, Struct]:
    """Return a type and inputs whose object keeps an example of `target` from being deleted; ("", {}) if none does.

    An example that refers to the target anyway is preferred to one in which the reference must be put.
    """
    put: tuple[str, Struct] = ("", {})
    for token in simulated_types(facts.place_of(target)[0]):
        behaviour = behaviour_of(token)
        if token == target or _inside(behaviour, target):
            continue
        for reference in behaviour.references:
            if not reference.blocks or target not in reference.types:
                continue
            if any(_points(value, target) for value in every(behaviour.example, reference.path)):
                return token, behaviour.example
            changed = _with(behaviour.example, reference.path.split("."), f"@{target}")
            if not put[0] and isinstance(changed, dict):
                put = token, changed
    return put


def _points(value: Value, target: str) -> bool:
    return isinstance(value, str) and (value == f"@{target}" or value.startswith((f"@{target}.", f"@{target}/")))


def _with(value: Value, path: list[str], new: Value) -> Value:
    """Return `value` with `new` at `path`, where `*` is the first element of a list."""
    if not path:
        return new
    head, rest = path[0], path[1:]
    if head == "*":
        first = value[0] if isinstance(value, list) and value else None
        return [_with(first, rest, new)]
    below = value if isinstance(value, dict) else {}
    return {**below, head: _with(below.get(head), rest, new)}


def _inside(behaviour: Behaviour, target: str) -> bool:
    """Tell whether objects of a type lie inside the target in ARM's tree, so that they die with it."""
    parent = behaviour_of(target).id
    return behaviour.contained and str(behaviour.id).startswith(f"{parent}/")


def gaps(token: str) -> dict[str, str]:
    """Return the fields of a type's row that prove nothing, each with the reason in the data, `` if none is given."""
    behaviour = behaviour_of(token)
    proved = {
        "required": bool(behaviour.shape.required),
        "update": "update" in behaviour.attempt,
        "replace": "replace" in behaviour.attempt,
        "same_name": bool(behaviour.unique or behaviour.contained) and not behaviour.adopts,
        "dependants": bool(dependant_of(token)[0]),
    }
    return {name: behaviour.empty.get(name, "") for name in FIELDS if not proved[name]}


def matrix() -> str:
    """Return the matrix as a Markdown table."""
    head = ["type", "round trip", "unknown argument", "id", *(TITLES[name] for name in FIELDS)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    notes: dict[str, int] = {}
    for cloud in ("aws", "azure"):
        for token in simulated_types(cloud):
            lines.append(_line(token, notes))
    lines += ["", *(f"{number}. {reason}" for reason, number in notes.items())]
    return "\n".join(lines)


def _line(token: str, notes: dict[str, int]) -> str:
    missing = gaps(token)
    cells = [f"`{token}`", "yes", "yes", "yes"]
    for name in FIELDS:
        if name not in missing:
            cells.append("yes")
        else:
            cells.append(f"– ({notes.setdefault(missing[name], len(notes) + 1)})")
    return "| " + " | ".join(cells) + " |"
