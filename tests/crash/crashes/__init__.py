"""Real kills of real processes, at points that the run itself names. `explore` is the program; tests and docs use it.

A run is three processes as in production: the one that a person started, its operation process, and (where providers
are plugins) a provider host. All are forked from one warm parent, so that hundreds of kills fit into minutes.
"""
