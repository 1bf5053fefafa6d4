"""`cellctl reef …`: shared capacity on which cells are placed."""
