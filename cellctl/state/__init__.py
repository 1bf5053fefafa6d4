"""Deployment state as it is stored and sent: wire values, checkpoints, the file backend, locks, secrets, events.

Knows no cloud and imports no Pulumi.
"""
