"""`cellctl gateway …`: the gateways of reefs, and their way into service."""
