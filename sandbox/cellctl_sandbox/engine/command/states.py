"""Verbs that edit the state without the cloud: state unprotect, delete, rename, repair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cellctl.state.checkpoint import Checkpoint, CheckpointWriter, integrity_problem, opened
from cellctl.state.resources import ResourceState, renamed, without_references
from cellctl.state.sealing import Vault
from cellctl_sandbox.engine.command.arguments import Arguments
from cellctl_sandbox.engine.command.call import Call
from cellctl_sandbox.engine.command.replies import Refusal, Reply
from cellctl_sandbox.engine.command.stacks import loaded, locked


def _edit(call: Call, args: Arguments, change: Callable[[Checkpoint], Checkpoint]) -> Reply:
    name = call.stack(args)
    call.require(name)

    def edited() -> tuple[Checkpoint, Vault, bool]:
        sealed = loaded(call, name)
        vault = call.project.vault(name, sealed)
        before = opened(sealed, vault)
        state = change(before)
        problem = integrity_problem(state)
        if problem:
            raise Refusal(f"the edit would leave a broken state: {problem}")
        return state, vault, state is before

    _, _, same = edited()  # what is refused is refused whoever holds the lock
    if same:
        return Reply()
    with locked(call, name):
        state, vault, _ = edited()
        call.project.backend.write(name, CheckpointWriter(vault).text(state))
    return Reply()


def _the(state: Checkpoint, urn: str) -> ResourceState:
    found = [item for item in state.resources if item.urn == urn]
    if not found:
        raise Refusal(f'No such resource "{urn}" exists in the current state')
    return found[-1]


def _only(state: Checkpoint, urn: str, ambiguous: str) -> ResourceState:
    """Return the one resource of a URN: beside one that lives there may be what it replaced, not deleted yet."""
    if sum(item.urn == urn for item in state.resources) > 1:
        raise Refusal(ambiguous)
    return _the(state, urn)


def _candidates(state: Checkpoint, urn: str) -> str:
    ids = "".join(f"\n  {item.id}" for item in state.resources if item.urn == urn)
    return f"Resource URN ambiguously referred to multiple resources. Did you mean:{ids}"


def repair(call: Call, args: Arguments) -> Reply:
    """Bring the resources into an order in which each comes after what it needs, and forget what is not there."""

    def change(state: Checkpoint) -> Checkpoint:
        if not integrity_problem(state):
            return state
        known = {item.urn for item in state.resources}
        gone = {urn: "" for item in state.resources for urn in item.needs() if urn not in known}
        kept = [without_references(item, gone) for item in state.resources]
        placed: dict[int, ResourceState] = {}

        def place(item: ResourceState, above: frozenset[int]) -> None:
            needs = item.needs() | {item.provider.rpartition("::")[0]}
            for other in kept:
                if other.urn in needs and other.row not in placed and other.row not in above:
                    place(other, above | {item.row})
            placed.setdefault(item.row, item)

        for item in kept:
            place(item, frozenset())
        return replace(state, resources=tuple(placed.values()))

    return _edit(call, args, change)


def protect(call: Call, args: Arguments, *, on: bool) -> Reply:
    """Set or take off the protection of the named resources, or of all that are not to be deleted anyway."""
    return _mark(call, args, lambda item: replace(item, protect=on))


def taint(call: Call, args: Arguments, *, on: bool) -> Reply:
    """Mark the named resources to be replaced by the next update; or take the mark off them, or off all."""
    return _mark(call, args, lambda item: replace(item, taint=on))


def _mark(call: Call, args: Arguments, marked: Callable[[ResourceState], ResourceState]) -> Reply:
    everything, urns = args.has("all"), set(args.operands)
    if not everything and not urns:
        raise Refusal("Must supply <resource URN> unless pulumi is run interactively")

    def change(state: Checkpoint) -> Checkpoint:
        living = {item.urn for item in state.resources if not item.delete}
        missing = sorted(urns - living)
        if missing and not everything:
            raise Refusal("\n".join(f'No such resource "{urn}" exists in the current state' for urn in missing))
        chosen = living if everything else urns
        return replace(
            state,
            resources=tuple(
                marked(item) if item.urn in chosen and not item.delete else item for item in state.resources
            ),
        )

    return _edit(call, args, change)


def delete(call: Call, args: Arguments) -> Reply:
    """Forget resources; the cloud keeps them."""
    urns = args.operands
    if args.has("all") == bool(urns):
        raise Refusal("either resource URNs or --all are needed")

    def change(state: Checkpoint) -> Checkpoint:
        chosen = {_only(state, urn, _candidates(state, urn)).row for urn in urns}
        # Dependents stand behind what they need, so they go first.
        for target in reversed([item for item in state.resources if args.has("all") or item.row in chosen]):
            if target in state.resources:
                state = _without(state, target, args)
        return state

    return _edit(call, args, change)


def _without(state: Checkpoint, target: ResourceState, args: Arguments) -> Checkpoint:
    """Return a state without a resource, and without what needs it if that was asked for."""
    users = _users(state, target)
    condemned = [target, *(users if args.has("target-dependents") else ())]
    for item in condemned:
        if item.protect and not args.has("force"):
            raise Refusal(f"{item.urn} can't be safely deleted because it is protected: use --force to delete it")
    if users and not args.has("target-dependents"):
        raise Refusal(
            f"{target.urn} can't be safely deleted because the following resources depend on it: {users[0].urn}"
        )
    rows = {item.row for item in condemned}
    return replace(state, resources=tuple(item for item in state.resources if item.row not in rows))


def _users(state: Checkpoint, target: ResourceState) -> list[ResourceState]:
    """Return what needs a resource, directly or not; nobody needs one of two copies."""
    if sum(item.urn == target.urn for item in state.resources) > 1:
        return []
    reached, users = {target.urn}, []
    for item in state.resources:
        if item.needs() & reached:
            reached.add(item.urn)
            users.append(item)
    return users


def rename(call: Call, args: Arguments) -> Reply:
    """Give a resource another logical name."""
    urn, name = args.operands
    new = f"{urn.rpartition('::')[0]}::{name}"

    def change(state: Checkpoint) -> Checkpoint:
        _only(state, urn, "The input URN ambiguously refers to multiple resources")
        if any(item.urn == new for item in state.resources):
            raise Refusal(f'the chosen new urn for the state is already in use: "{new}"')
        return replace(
            state,
            resources=tuple(
                replace(item, urn=new) if item.urn == urn else _renamed(item, urn, new) for item in state.resources
            ),
        )

    return _edit(call, args, change)


def _renamed(item: ResourceState, urn: str, new: str) -> ResourceState:
    """Return a resource that refers to the new name; as the CLI does it, without the properties that need nothing."""
    item = renamed(item, {urn: new})
    return replace(item, property_dependencies={key: urns for key, urns in item.property_dependencies.items() if urns})
