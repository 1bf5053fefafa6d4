"""The hosts of a provider: in-process (the plain object), a gRPC plugin (`plugin`), many of them in a run (`desk`)."""
