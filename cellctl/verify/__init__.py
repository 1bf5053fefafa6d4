"""cellctl.verify"""
