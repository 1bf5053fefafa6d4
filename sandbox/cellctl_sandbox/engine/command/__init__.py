"""A `PulumiCommand` that runs everything in this process, so that the Automation API needs no CLI."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path

from pulumi.automation import CommandResult, OnOutput, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from cellctl.errors import CellctlError
from cellctl.state.backend import Recovered, StackName
from cellctl.state.files import DISK, Disk
from cellctl_provider.probes import Probe, unobserved
from cellctl_provider.protocol import ProviderFactory
from cellctl_sandbox.engine.command import configuration, contents, operations, stacks, states
from cellctl_sandbox.engine.command.arguments import Arguments, parse
from cellctl_sandbox.engine.command.call import Call
from cellctl_sandbox.engine.command.project import Project
from cellctl_sandbox.engine.command.replies import Refusal, Reply
from cellctl_sandbox.engine.core import Engine
from cellctl_sandbox.engine.errors import UnsupportedFeature
from cellctl_sandbox.engine.eventlog import Sink
from cellctl_sandbox.engine.journal import SaveFailed
from cellctl_sandbox.engine.plugins import Launch, LaunchedPlugins, launch_process

VERSION = VersionInfo(3, 260, 0)  # of the CLI whose behaviour and formats this engine has
Verb = Callable[[Call, Arguments], Reply]
_MANY = 99
# Each verb with the fewest and the most operands it takes.
_VERBS: Mapping[str, tuple[Verb, int, int]] = {
    "up": (operations.run, 0, 0),
    "preview": (operations.run, 0, 0),
    "refresh": (operations.run, 0, 0),
    "destroy": (operations.run, 0, 0),
    "cancel": (stacks.cancel, 0, 1),
    "whoami": (stacks.whoami, 0, 0),
    "stack init": (stacks.init, 0, 1),
    "stack select": (stacks.select, 0, 1),
    "stack ls": (stacks.ls, 0, 0),
    "stack rm": (stacks.rm, 0, 1),
    "stack rename": (stacks.rename, 1, 1),
    "stack output": (contents.output, 0, 1),
    "stack history": (contents.history, 0, 0),
    "stack export": (contents.export, 0, 0),
    "stack import": (contents.import_, 0, 0),
    "stack tag ls": (stacks.tag, 0, 0),
    "stack tag get": (stacks.tag, 1, 1),
    "stack tag set": (stacks.tag, 2, 2),
    "stack tag rm": (stacks.tag, 1, 1),
    "stack": (stacks.show, 0, 0),
    "config get": (configuration.get, 1, 1),
    "config set": (configuration.set_, 1, 2),
    "config set-all": (configuration.set_all, 0, 0),
    "config rm": (configuration.rm, 1, 1),
    "config rm-all": (configuration.rm, 1, _MANY),
    "config refresh": (configuration.refresh, 0, 0),
    "config": (configuration.show, 0, 0),
    "state unprotect": (partial(states.protect, on=False), 0, _MANY),
    "state protect": (partial(states.protect, on=True), 0, _MANY),
    "state taint": (partial(states.taint, on=True), 0, _MANY),
    "state untaint": (partial(states.taint, on=False), 0, _MANY),
    "state delete": (states.delete, 0, _MANY),
    "state rename": (states.rename, 2, 2),
    "state repair": (states.repair, 0, 0),
}
_ANYWHERE: Mapping[str, str] = {"version": f"v{VERSION}\n", "plugin ls": "NAME  KIND  VERSION\n"}  # without a project


class EmbeddedCommand(PulumiCommand):
    """The engine as a command.

    Args:
        providers: In-process providers by package.
        plugins: Packages whose plugin may be launched from `$PULUMI_HOME/plugins`; none by default.
        program: What up and preview run; None dials the `--client` of each call.
        sink: Gets every raw engine event, in order.
        launch: Starts the process of a plugin.
        probe: Looks at each step of each operation.
        disk: Where checkpoints are written.
        remember_keys: Keep derived keys beside the passphrase's file, for the next process.
    """

    def __init__(
        self,
        providers: Mapping[str, ProviderFactory] | None = None,
        plugins: Collection[str] = (),
        *,
        program: Callable[[], None] | None = None,
        sink: Sink | None = None,
        launch: Launch = launch_process,
        probe: Probe = unobserved,
        disk: Disk = DISK,
        remember_keys: bool = False,
    ) -> None:
        self.command = "embedded"
        self.version = VERSION
        self.sink = sink
        self.warnings: tuple[Recovered, ...] = ()
        self._providers = dict(providers or {})
        self._plugins = frozenset(plugins)
        self._program = program
        self._launch, self._probe, self._disk, self._remember_keys = launch, probe, disk, remember_keys
        self._selection: dict[str, StackName] = {}
        self._running: list[Engine] = []

    def bind(self, program: Callable[[], None] | None) -> None:
        """Set the program of the following operations; None goes back to dialling `--client`."""
        self._program = program

    def interrupt(self) -> None:
        """React as the CLI does to SIGINT: what is under way is finished and recorded; from any thread."""
        for engine in list(self._running):
            engine.interrupt(later=True)  # an engine lives as long as its command, which may still be reading files

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Run one command.

        Raises:
            pulumi.automation.CommandError: Exit code not 0, with the subclass that the CLI's text would lead to.
            UnsupportedFeature: It asks for something that this engine does not have; nothing was changed.
        """
        reply = self._reply(args, Path(cwd), dict(additional_env))
        for text, callback in ((reply.stdout, on_output), (reply.stderr, on_error)):
            for line in text.splitlines() if callback else ():
                callback(line)  # type: ignore[misc]
        result = CommandResult(stdout=reply.stdout.rstrip("\n"), stderr=reply.stderr.rstrip("\n"), code=reply.code)
        if result.code:
            raise create_command_error(result)
        return result

    def _reply(self, args: list[str], folder: Path, environment: dict[str, str]) -> Reply:
        try:
            parsed = parse(args, environment)
            if parsed.verb in _ANYWHERE and not parsed.operands:
                return Reply(stdout="[]\n" if parsed.has("json") else _ANYWHERE[parsed.verb])
            verb = _verb(parsed)
            folder = folder / parsed.value("cwd")
            plugins = LaunchedPlugins(self._plugins, folder, environment, self._launch)
            engine = Engine(self._providers, plugins, probe=self._probe)
            call = Call(
                project=Project(
                    folder, environment, self._disk, parsed.value("config-file"), remember_keys=self._remember_keys
                ),
                selection=self._selection,
                engine=lambda: engine,
                program=self._program,
                sink=self.sink,
            )
            self._running.append(engine)
            try:
                reply = verb(call, parsed)
            finally:
                self._running.remove(engine)
                self.warnings = tuple(call.warnings)
            return _with_warnings(reply, self.warnings)
        except Refusal as refusal:
            return refusal.reply()
        except UnsupportedFeature:
            raise
        except CellctlError as error:
            return Reply(stderr=f"error: {error}\n", code=1)
        except OSError as error:  # a lock, a checkpoint or a history that the disk does not take
            return Reply(stderr=f"error: {SaveFailed(error).message}\n", code=1)


def _verb(args: Arguments) -> Verb:
    """Return what does a verb; raises `Refusal` if it got too few or too many operands."""
    verb, fewest, most = _VERBS.get(args.verb, (_nothing, 0, 0))
    given = len(args.operands)
    if fewest == most != given:
        raise Refusal(f"accepts {most} arg(s), received {given}")
    if given < fewest:
        raise Refusal(f"requires at least {fewest} arg(s), only received {given}")
    if given > most:
        raise Refusal(f"accepts at most {most} arg(s), received {given}")
    return verb


def _nothing(_: Call, __: Arguments) -> Reply:
    return Reply()


def _with_warnings(reply: Reply, warnings: tuple[Recovered, ...]) -> Reply:
    text = "".join(f"warning: {warning}\n" for warning in warnings)
    return Reply(stdout=reply.stdout, stderr=text + reply.stderr, code=reply.code)
