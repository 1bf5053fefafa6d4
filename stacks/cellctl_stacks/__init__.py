"""Programs: Layout in, components, outputs out."""
