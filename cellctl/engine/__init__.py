"""The engine seam: the only place of the library that knows the Automation API."""
