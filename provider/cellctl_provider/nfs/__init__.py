"""A client of NFS version 3 over TCP that needs no kernel and no rights: enough to try a share (RFC 1813).

with mounted(dialer, "g1.r1.reef.internal", "g1-01", Identity(uid=1000, gid=1000)) as share:
    share.write("probe", b"...")
"""

from cellctl_provider.nfs.calls import Identity
from cellctl_provider.nfs.client import NfsError, Share, mounted

__all__ = ["Identity", "NfsError", "Share", "mounted"]
