"""The commands of `cellctl pr`."""
