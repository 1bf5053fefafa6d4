"""The command line: parse, call the library, draw a view, exit with a code. The folder tree is the command tree.

Only this package prints, prompts, reads the environment or configures logging. Importing it loads no Pulumi, pydantic,
SQLAlchemy or httpx; commands load what they need when they run.
"""


def main() -> None:
    """Run the command line and exit; the entry point of `cellctl`."""
    from cellctl.cli.failures import guarded

    guarded(_run)


def _run() -> int:
    from cellctl.cli.app import app

    result = app(standalone_mode=False)
    return result if isinstance(result, int) else 0
