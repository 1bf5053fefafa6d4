"""One call of the command: its project, its selected stack, and what it wants to warn of."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field

from cellctl.state.backend import Recovered, StackName
from cellctl_sandbox.engine.command.arguments import Arguments
from cellctl_sandbox.engine.command.project import Project
from cellctl_sandbox.engine.command.replies import STACK_NOT_FOUND, Refusal
from cellctl_sandbox.engine.core import Engine, Session
from cellctl_sandbox.engine.eventlog import Sink


@dataclass(kw_only=True)
class Call:
    """What a verb works with. `selection` outlives the call: working directory -> selected stack."""

    project: Project
    selection: MutableMapping[str, StackName]
    engine: Callable[[], Engine]
    program: Callable[[], None] | None = None
    sink: Sink | None = None
    warnings: list[Recovered] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)

    def stack(self, args: Arguments) -> StackName:
        """Return the stack that `--stack` names, or the selected one."""
        given = args.value("stack")
        if given:
            return self.project.stack_name(given)
        selected = self.selected()
        if selected is None:
            raise Refusal("no stack selected; specify a stack name with --stack", code=STACK_NOT_FOUND)
        return selected

    def require(self, name: StackName) -> None:
        """Raise `Refusal` unless the stack exists."""
        if not self.project.backend.exists(name):
            raise Refusal(f"no stack named '{name.stack}' found", code=STACK_NOT_FOUND)

    def selected(self) -> StackName | None:
        """Return the selected stack of the working directory."""
        return self.selection.get(str(self.project.folder))

    def select(self, name: StackName | None) -> None:
        """Select a stack, or none."""
        if name is None:
            self.selection.pop(str(self.project.folder), None)
        else:
            self.selection[str(self.project.folder)] = name
