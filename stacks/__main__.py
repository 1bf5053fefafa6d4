"""Where `pulumi preview` begins (`main: stacks/` in Pulumi.yaml)."""

from cellctl_stacks.__main__ import main

main()
