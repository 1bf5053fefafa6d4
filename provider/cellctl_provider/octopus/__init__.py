"""Resource types of provider `cellctl` for Octopus itself."""
