"""Simulated `aws` and `azure-native`: providers over one SQLite file, whose behaviour is data (docs/sandbox.md).

    database = Database.open(home)                     # HOME/.cellctl/sandbox.db, any number of processes
    clock = SimulatedClock.of(database)                # virtual time
    factories = {name: CloudFactory(name, database) for name in ("aws", "azure-native")}
    view = ObjectView(database)                        # what stand-ins see

This module imports nothing: everything above is loaded where it is used.
"""
