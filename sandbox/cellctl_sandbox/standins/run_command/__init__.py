"""Scripts run on machines: Systems Manager's Run Command on AWS, managed Run Command on Azure."""

from cellctl_sandbox.standins.run_command.managed import ResourceManagerStandin
from cellctl_sandbox.standins.run_command.runs import Runs
from cellctl_sandbox.standins.run_command.systems_manager import systems_manager_service

__all__ = ["ResourceManagerStandin", "Runs", "systems_manager_service"]
