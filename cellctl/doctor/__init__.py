"""What a machine, a home and a real account have, what is missing, and how to get it: lists of findings."""

from cellctl.doctor.account import examine_account
from cellctl.doctor.findings import Finding, Level
from cellctl.doctor.machine import examine

__all__ = ["Finding", "Level", "examine", "examine_account"]
