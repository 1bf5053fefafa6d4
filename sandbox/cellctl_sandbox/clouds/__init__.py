"""The sandbox: an embedded engine, simulated clouds and stand-ins for the data plane."""
