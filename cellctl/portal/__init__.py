"""The portal: what there is, as pages of this machine, and the button that brings a gateway into service.

    app = portal(Home.find())        # an ASGI application; `cellctl portal` serves it on loopback

Importing this package loads FastAPI and Jinja2 (extra `portal`). Cells never need it to keep running.
"""

from cellctl.portal.app import portal

__all__ = ["portal"]
