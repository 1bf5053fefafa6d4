"""Launcher for a checkout: `python cli.py up --cloud aws acme`. Never shipped in the wheel."""

from cellctl.cli import main

if __name__ == "__main__":
    main()
