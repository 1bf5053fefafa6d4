"""The home: the folder that holds `cellctl.yaml`, the cell files and everything cellctl remembers about them.

    home = Home.find()                      # or Home.find(home=Path("fleet"))
    found = find_cell(home, "acme", command="up", cloud="aws", create=True)

Importing this package loads no pydantic; reading a file does. The environment is read by callers only.
"""

from cellctl.home.accounts import SANDBOX, Account, HomeFile
from cellctl.home.cells import FoundCell, find_cell
from cellctl.home.place import Home
from cellctl.home.records import CellRecord, Run, RunRecord

__all__ = ["SANDBOX", "Account", "CellRecord", "FoundCell", "Home", "HomeFile", "Run", "RunRecord", "find_cell"]
