"""cellctl gives every customer a highly available Octopus Server cell of their own.

Importing this package loads no Pulumi, pydantic or SQLAlchemy: public names are resolved on first use (PEP 562).
"""

__version__ = "0.1.0"
