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
    PLANS = Refusal("update plans", "flag", "--plan, --save-plan, --strict")
    POLICIES = Refusal("policy packs", "flag", "--policy-pack, --policy-pack-config")
    DEBUGGER = Refusal("debuggers", "flag", "--attach-debugger: an inline program is debugged where it runs")
    ENVIRONMENTS = Refusal("environments of Pulumi ESC", "flag", "--override-env: a file backend has none")
    REMOTE = Refusal("remote operations", "flag", "--remote and its like: operations that Pulumi Cloud does")
    TRACES = Refusal(
        "traces and profiles", "flag", "--tracing, --tracing-header, --otel-traces, --profiling, --memprofilerate"
    )
    IMPORT_FILE = Refusal("import files", "flag", "--import-file: what `pulumi import` would read")
    SUMMARY = Refusal("summaries", "flag", "--output json of an operation or of `pulumi stack`")
    REMOTE_CONFIG = Refusal("remote configuration", "flag", "--remote-config: a file backend has none")
    SECRETS = Refusal("the secrets provider", "stack", "secrets managers other than a passphrase")
    BACKEND = Refusal("the backend", "stack", "backends other than file://")
    IMPORT = Refusal("the verb", "verb", "`pulumi import`: a program says it with the option `import_`")
    VERB = Refusal("the verb", "verb", "what moves states or seals them anew, graphs, plugins, terminals, Pulumi Cloud")


FLAGS: Mapping[str, Feature] = {
    "plan": Feature.PLANS,
    "save-plan": Feature.PLANS,
    "policy-pack": Feature.POLICIES,
    "policy-pack-config": Feature.POLICIES,
    "attach-debugger": Feature.DEBUGGER,
    "strict": Feature.PLANS,
    "override-env": Feature.ENVIRONMENTS,
    **dict.fromkeys(("tracing", "tracing-header", "otel-traces", "profiling", "memprofilerate"), Feature.TRACES),
    "import-file": Feature.IMPORT_FILE,
    "remote-config": Feature.REMOTE_CONFIG,
}


_WORDS = (
    *("about", "api", "console", "convert", "deployment", "do", "env", "gen-completion", "insights", "install"),
    *("login", "logout", "logs", "neo", "new", "org", "package", "plugin", "policy", "project", "schema"),
    *("template", "watch"),
    *("config copy", "config cp", "config env", "state edit", "state get", "state move", "state upgrade"),
    *("stack change-secrets-provider", "stack drift", "stack get", "stack graph", "stack migrate", "stack schedule"),
    *("stack unselect", "stack webhook"),
)
VERBS: Mapping[str, Feature] = {"import": Feature.IMPORT, **dict.fromkeys(_WORDS, Feature.VERB)}
"""Verbs of the CLI that this engine does not have."""


def table() -> str:
    """Return the refusals as a Markdown table."""
    rows = [f"| {item.value.told_as} | {item.value.asked_by} | {item.value.means} |" for item in Feature]
    return "\n".join(["| refused | asked for by | that is |", "|---|---|---|", *rows])
