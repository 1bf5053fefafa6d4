"""Simulated functions: required arguments, then a result made by templates from arguments, tables and the tenancy."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cellctl.facts.conditions import at
from cellctl.state.values import Struct, bare_struct
from cellctl_provider.protocol import CheckFailure, Invoke, Invoked, ProviderError
from cellctl_sandbox.clouds import lookups, policy_documents
from cellctl_sandbox.clouds.behaviour import Function, function_of
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.records import Tenancy
from cellctl_sandbox.clouds.templates import Scope, render, render_marked


@dataclass(frozen=True, slots=True)
class Account:
    """Where objects are looked up, and the simulated second."""

    database: Database
    now_s: float


def call_function(request: Invoke, tenancy: Tenancy, account: Account | None = None) -> Invoked:
    """Return the result of a simulated function; those that look an object up need an account.

    Equal arguments give equal results in one account and region; what is random in them comes from the arguments.

    Raises:
        NotSimulated: There are no data for it.
        ProviderError: There is no such parameter, image, zone or object, or there are several.
    """
    arguments: Struct = {key: value for key, value in bare_struct(request.args).items() if value is not None}
    if request.token == policy_documents.TOKEN:
        return Invoked(result={**arguments, **policy_documents.document(arguments)})
    function = function_of(request.token)
    missing = [name for name in function.required if name not in arguments]
    if missing:
        failures = tuple(CheckFailure(property=name, reason=f"missing required argument '{name}'") for name in missing)
        return Invoked(result={}, failures=failures)
    scope = _scope(function, arguments, tenancy)
    found: Struct = {}
    if function.finds and account is not None:
        found = _found(function, arguments, scope, tenancy, account)
        scope.values = {**arguments, **found}
    made: Struct = {}
    for name, template in function.result.items():
        made[name] = render_marked(template, scope, f"result.{name}")
        scope.outputs = made
    if function.missing and not function.finds and any(made.get(name) is None for name in function.result):
        text = render(function.missing, scope, "missing")
        raise ProviderError(str(text or function.missing), code="not_found")
    return Invoked(result={**arguments, **found, **made})


def _found(function: Function, arguments: Struct, scope: Scope, tenancy: Tenancy, account: Account) -> Struct:
    """Return the properties of the one object, or lists of all, that a function looks up."""
    found = lookups.found_by(function, arguments, account.database, tenancy, account.now_s)
    if function.lists:
        return {name: [at(item, path) for item in found] for name, path in function.lists.items()}
    return lookups.only(function, found, str(render(function.missing, scope, "missing") or function.missing))


def _scope(function: Function, arguments: Struct, tenancy: Tenancy) -> Scope:
    region = arguments.get("region")
    constants = {
        "region": region if isinstance(region, str) else tenancy.region,
        "account": tenancy.account,
        "tenant": tenancy.tenant,
        "partition": "aws",
    }
    seed = hashlib.sha256(f"{function.token}/{constants}/{sorted(arguments.items(), key=str)}".encode()).hexdigest()
    return Scope(seed=seed, values=arguments, constants=constants, tables=function.tables)
