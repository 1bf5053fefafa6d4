"""Does a cell that was brought up really answer? Checks of its data plane, dialled as its users dial it.

    from cellctl import verify

    results = verify.run(outputs, host.dialer, secrets=secrets, sleep=host.sleep)
    failed = [result for result in results if not result.passed]

`outputs` are the stack's outputs as plain data. Keys read here, all others are ignored:

- `nodes`: `[{"name", "address", "port", "scheme", "tlsName", "version", "taskCap", "queue"}]`, one for each node.
  `address` is what is dialled, `scheme` is `http` or `https`, `tlsName` the name that the certificate must carry
  (default: the address); `version` and `taskCap` are what the node is to run, `queue`: it shares a queue of Tentacles.
- `entries`: `{"web": [{"host", "port", "nodes"}], "redirect": […], "polling": […], "grpc": […], "closed": […]}`, hosts
  and ports: the names that people and Tentacles dial, as far as the machine that runs cellctl can reach them (`nodes`:
  who must answer there), where HTTP is sent on to HTTPS, and what must not answer it.
- `database`: `{"server", "port", "name", "kind", "region", "login", "passwordSecret", "identity"}`. `kind` is `rds` or
  `azure-sql`; either `login` with `passwordSecret` (a reference, never a value) or `identity` (display name).
- `buckets`: `{share: bucket}`, and in `files` their `region` and `writer`: ARN of the only role that may write there.
- of a reef `hosts`: `[{"endpoint", "port", "kind", "region", "login", "passwordSecret"}]`, opened as the administrator,
  or as cellctl itself where `kind` is `azure_sql`, and `gateways`: `[{"region", "writer", "shares": [{"bucket"}]}]`.

A missing key means that there is nothing of the kind to check. No message holds a secret.
"""

from cellctl.verify.checks import CheckResult, Patience, SecretReader, run

__all__ = ["CheckResult", "Patience", "SecretReader", "run"]
