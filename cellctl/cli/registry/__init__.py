"""`cellctl registry …`: compare the registry with what the states of cells say, and fill it anew from them."""
