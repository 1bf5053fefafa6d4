"""cellctl.cli"""
