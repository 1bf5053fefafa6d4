"""cellctl.leases"""
