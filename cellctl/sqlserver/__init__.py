"""A SQL Server client that the provider and `verify` share: python-tds over TLS that is really verified.

In the layer above `cellctl.dialer`; imports nothing else of the library.
"""
