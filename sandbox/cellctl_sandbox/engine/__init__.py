"""A deployment engine in Python behind the Pulumi Automation API. Knows no cloud's name.

Two doors. The façade is a `PulumiCommand`, so the Automation API needs no change:

    from cellctl_sandbox.engine.command import EmbeddedCommand

    command = EmbeddedCommand(
        providers={"aws": factory, ...},   # Mapping[str, ProviderFactory], in-process (cellctl_provider.protocol)
        plugins=(),                        # packages whose plugin may be launched from $PULUMI_HOME/plugins
        program=None,                      # run in this process; None: dial the `--client` of each call
        sink=None,                         # Callable[[Struct], None]: raw engine events, also without an event server
    )
    workspace = LocalWorkspace(work_dir=..., project_settings=None, program=fn, env_vars={...}, pulumi_command=command)
    command.bind(fn)                       # the program of the following operations; `up(program=...)` needs bind(None)
    stack = Stack.create_or_select("cell-acme", workspace)
    stack.up(); stack.preview(); stack.refresh(); stack.destroy()
    command.interrupt()                    # from any thread; as the CLI takes SIGINT
    command.warnings                       # tuple[Recovered, ...]: a damaged checkpoint; the previous one was used

Environment comes from the workspace's `env_vars` alone, never from the process: `PULUMI_BACKEND_URL` (or `backend.url`
in Pulumi.yaml; file:// only), `PULUMI_CONFIG_PASSPHRASE` or `PULUMI_CONFIG_PASSPHRASE_FILE`, `PULUMI_HOME` (plugins).

The core needs neither argv nor text:

    from cellctl_sandbox.engine.core import ConfigValue, Engine, Inline, Options, Result, Target

    engine = Engine(providers={...})
    target = Target(project="octopus-cells", stack="cell-acme", checkpoint=checkpoint, vault=vault, save=save_text)
    config = {"octopus-cells:k": ConfigValue(value="v")}
    result = engine.run("up", target, Inline(function), config=config, options=Options(), sink=events.append)
    result = engine.run("preview" | "refresh" | "preview_refresh" | "destroy" | "preview_destroy", target, ...)
    result.succeeded, .changes, .outputs, .diagnostics, .checkpoint

`up` runs 16 provider calls at a time (`Options.parallel`); previews run in one thread, in a fixed order. What is not
implemented raises `UnsupportedFeature` naming the feature, before it changes anything: see `refusals`.
"""
