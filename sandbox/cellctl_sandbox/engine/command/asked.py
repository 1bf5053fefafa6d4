"""What the flags of an operation ask for: its kind, whether it may begin, and the engine's options."""

from __future__ import annotations

from collections.abc import Mapping

from cellctl_sandbox.engine.command.arguments import Arguments
from cellctl_sandbox.engine.command.project import Project
from cellctl_sandbox.engine.command.replies import UNCONFIRMED, Refusal
from cellctl_sandbox.engine.core import Kind, Options

_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


def kind_of(args: Arguments) -> Kind:
    """Return the kind of an operation."""
    planning = args.has("preview-only")
    if args.verb == "refresh":
        return "preview_refresh" if planning else "refresh"
    if args.verb == "destroy":
        return "preview_destroy" if planning else "destroy"
    return "up" if args.verb == "up" else "preview"


def confirm(args: Arguments, environment: Mapping[str, str]) -> None:
    """Refuse what would change something and that nobody said yes to: there is no terminal to ask at."""
    yes = args.has("yes") or args.has("skip-preview") or _on(environment, "PULUMI_SKIP_CONFIRMATIONS")
    if args.verb == "preview":
        return
    if args.has("preview-only") and args.has("skip-preview"):
        raise Refusal("--skip-preview and --preview-only cannot be used together")
    if args.has("preview-only") and yes:
        raise Refusal("--yes and --preview-only cannot be used together")
    if not yes and not args.has("preview-only"):
        raise Refusal(
            "--yes or --skip-preview or --preview-only must be passed in to proceed when running in non-interactive "
            "mode",
            code=1 if args.verb == "refresh" else UNCONFIRMED,
        )


def confirm_removal(args: Arguments, environment: Mapping[str, str]) -> None:
    """Refuse to edit or remove for good what nobody said yes to."""
    if not args.has("yes") and not _on(environment, "PULUMI_SKIP_CONFIRMATIONS"):
        raise Refusal("non-interactive mode requires --yes flag")


def refuse_together(args: Arguments) -> None:
    """Refuse flags that do not go together, in the CLI's words."""
    if args.verb == "destroy" and args.values.get("target") and args.has("exclude-protected"):
        raise Refusal("you cannot specify --target and --exclude-protected")
    if args.has("skip-pending-creates") and args.has("clear-pending-creates"):
        raise Refusal("cannot set both --skip-pending-creates and --clear-pending-creates")
    if args.value("secrets-provider", "default") not in ("default", "passphrase"):
        raise Refusal("--secrets-provider is only for stacks that are made from a template")


def options_of(args: Arguments, project: Project) -> Options:
    """Return the engine's options."""
    environment = project.environment
    parallel = args.number("parallel", 16)
    return Options(
        parallel=parallel if parallel > 0 else 1,
        refresh=_refreshes(args, project),
        replace=named(args, "replace") | named(args, "target-replace"),
        exclude_protected=args.has("exclude-protected"),
        clear_pending_creates=args.has("clear-pending-creates"),
        targets=named(args, "target") | named(args, "target-replace"),
        excludes=named(args, "exclude"),
        target_dependents=args.has("target-dependents"),
        exclude_dependents=args.has("exclude-dependents"),
        continue_on_error=args.has("continue-on-error") or _defaults_to(args, environment, "CONTINUE_ON_ERROR"),
        run_program=runs_program(args, environment),
        ignore_protect=args.has("ignore-protect"),
        provider_previews=not _on(environment, "PULUMI_DISABLE_PROVIDER_PREVIEW"),
    )


def named(args: Arguments, flag: str) -> frozenset[str]:
    """Return the values of a flag."""
    return frozenset(args.values.get(flag, ()))


def runs_program(args: Arguments, environment: Mapping[str, str]) -> bool:
    """Tell whether the program is to be run for its providers."""
    return args.has("run-program") or (args.verb != "preview" and _defaults_to(args, environment, "RUN_PROGRAM"))


def _defaults_to(args: Arguments, environment: Mapping[str, str], name: str) -> bool:
    """Tell whether a variable turns on what no flag turned off."""
    return name.lower().replace("_", "-") not in args.off and _on(environment, f"PULUMI_{name}")


def _refreshes(args: Arguments, project: Project) -> bool:
    given = args.value("refresh")
    if not given:
        return project.always_refreshes and args.verb != "refresh"
    if given not in _TRUE + _FALSE:
        raise Refusal("unable to determine value for --refresh")
    return given in _TRUE


def _on(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").lower() in ("1", "true")
