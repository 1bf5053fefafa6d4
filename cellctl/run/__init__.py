"""cellctl.run"""
