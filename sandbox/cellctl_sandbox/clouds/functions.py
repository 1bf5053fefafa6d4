"""Simulated functions: required arguments, then a result made by templates from arguments, tables and the tenancy."""

from __future__ import annotations

import hashlib

from cellctl.state.values import Struct, bare_struct
from cellctl_provider.protocol import CheckFailure, Invoke, Invoked, ProviderError
from cellctl_sandbox.clouds import policy_documents
from cellctl_sandbox.clouds.behaviour import Function, function_of
from cellctl_sandbox.clouds.records import Tenancy
from cellctl_sandbox.clouds.templates import Scope, render


def call_function(request: Invoke, tenancy: Tenancy) -> Invoked:
    """Return the result of a simulated function.

    Equal arguments give equal results in one account and region; what is random in them comes from the arguments.

    Raises:
        NotSimulated: There are no data for it.
        ProviderError: A table has no such key: there is no such parameter, image or zone.
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
    made: Struct = {}
    for name, template in function.result.items():
        made[name] = render(template, scope, f"result.{name}")
        scope.outputs = made
    if function.missing and any(made.get(name) is None for name in function.result):
        text = render(function.missing, scope, "missing")
        raise ProviderError(str(text or function.missing), code="not_found")
    return Invoked(result={**arguments, **made})


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
