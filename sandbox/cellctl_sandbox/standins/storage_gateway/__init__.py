"""AWS Storage Gateway of the sandbox: the API that boto3 speaks, and the appliance's activation port."""

from cellctl_sandbox.standins.storage_gateway.appliance import ApplianceStandin
from cellctl_sandbox.standins.storage_gateway.service import storage_gateway_service

__all__ = ["ApplianceStandin", "storage_gateway_service"]
