"""`cellctl schema …`."""
