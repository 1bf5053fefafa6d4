"""cellctl.views"""
