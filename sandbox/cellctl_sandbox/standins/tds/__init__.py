"""SQL Server of the sandbox: TDS 7.4 on loopback, with logins, users, roles, databases and a little T-SQL.

Two kinds of server, as data: an RDS instance (server logins, a master login that is no sysadmin) and an Azure SQL
logical server (contained users, no USE, databases made by ARM). What the T-SQL grammar does not know is error 102.
Source of the protocol: [MS-TDS] 7.4; of error numbers and texts: sys.messages as documented by Microsoft (2024).
"""

from cellctl_sandbox.standins.tds.faults import Fault, FaultRule, ScriptedFaults
from cellctl_sandbox.standins.tds.servers import ServerCatalogue, SqlServerFacts
from cellctl_sandbox.standins.tds.standin import TdsStandin
from cellctl_sandbox.standins.tds.tokens_entra import TokenIssuer

__all__ = [
    "Fault",
    "FaultRule",
    "ScriptedFaults",
    "ServerCatalogue",
    "SqlServerFacts",
    "TdsStandin",
    "TokenIssuer",
]
