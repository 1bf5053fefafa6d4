"""The two hosts of a provider: in-process (the plain object) and a gRPC plugin (`plugin`)."""
