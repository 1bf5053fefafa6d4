"""`cellctl account …`: what an account needs before any other stack, and what its quotas carry."""
