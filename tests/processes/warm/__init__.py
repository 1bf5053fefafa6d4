"""Command lines and operation processes for tests, forked from a process that has imported what all of them import.

`client` asks, `server` forks. A fork differs from a fresh interpreter only in what is imported already; tests of that,
of signals to a process group and of the launcher itself start real ones.
"""
