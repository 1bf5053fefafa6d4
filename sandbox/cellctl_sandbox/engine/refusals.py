"""What this engine does not do, in one place: named in every refusal, in the docs, and by `cellctl doctor`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal


@dataclass(frozen=True, slots=True)
class Refusal:
    """One feature that is refused. `asked_by`: where it is seen; `told_as` begins the sentence of the error."""

    told_as: str
    asked_by: Literal["program", "flag", "stack", "verb"]
    means: str

    @property
    def listed(self) -> str:
        """Return it as one item of a list."""
        return self.means if self.told_as.startswith("the ") else self.told_as


class Feature(Enum):
    """Every refusal."""

    REMOTE_COMPONENTS = Refusal("remote components", "program", "components that a provider constructs (Construct)")
    CALL = Refusal("methods of components (Call)", "program", "functions that belong to a resource")
    PACKAGES = Refusal("parameterised packages", "program", "packages that a provider makes of parameters")
    DYNAMIC = Refusal("dynamic providers", "program", "providers written inside a program")
    STATE_MIGRATIONS = Refusal("state migrations", "program", "an option that rewrites old state; later than CLI 3.260")
    PROVIDER = Refusal("the provider", "program", "a package that is neither simulated nor on the allow-list")
    PLANS = Refusal("update plans", "flag", "--plan, --save-plan")
    POLICIES = Refusal("policy packs", "flag", "--policy-pack, --policy-pack-config")
    DEBUGGER = Refusal("debuggers", "flag", "--attach-debugger: an inline program is debugged where it runs")
    SECRETS = Refusal("the secrets provider", "stack", "secrets managers other than a passphrase")
    BACKEND = Refusal("the backend", "stack", "backends other than file://")
    IMPORT = Refusal("the verb", "verb", "`pulumi import`: a program says it with the option `import_`")
    VERB = Refusal("the verb", "verb", "what moves states between stacks or seals them anew, graphs, plugins")


FLAGS: Mapping[str, Feature] = {
    "plan": Feature.PLANS,
    "save-plan": Feature.PLANS,
    "policy-pack": Feature.POLICIES,
    "policy-pack-config": Feature.POLICIES,
    "attach-debugger": Feature.DEBUGGER,
}


VERBS: Mapping[tuple[str, ...], Feature] = {
    ("import",): Feature.IMPORT,
    **dict.fromkeys(
        (
            ("about",),
            ("install",),
            ("plugin",),
            ("watch",),
            ("logs",),
            ("stack", "graph"),
            ("stack", "unselect"),
            ("stack", "change-secrets-provider"),
            ("state", "move"),
            ("state", "upgrade"),
            ("state", "edit"),
            ("config", "cp"),
            ("config", "env"),
            ("policy",),
            ("package",),
            ("convert",),
            ("new",),
            ("login",),
            ("logout",),
        ),
        Feature.VERB,
    ),
}
"""Verbs of the CLI that this engine does not have, by their first words."""


def table() -> str:
    """Return the refusals as a Markdown table."""
    rows = [f"| {item.value.told_as} | {item.value.asked_by} | {item.value.means} |" for item in Feature]
    return "\n".join(["| refused | asked for by | that is |", "|---|---|---|", *rows])
