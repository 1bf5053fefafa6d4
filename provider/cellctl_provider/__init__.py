"""Provider `cellctl`, the typed Provider protocol, and its two hosts: in-process and gRPC plugin."""
