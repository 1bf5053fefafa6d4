"""Make the project's virtual environment from the lock file: `python3 tools/bootstrap.py [--dev]`.

Standard library only, and runs on any Python 3 so that it can say what is missing. Prints what it downloads.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
UV = "uv==0.13.9"
NEED_MB = 1500
EXTRAS = ["--extra", "aws", "--extra", "azure", "--extra", "postgres", "--extra", "portal"]
INSTALL = {
    "apt-get": "sudo apt-get install -y python3 python3-venv make",
    "dnf": "sudo dnf install -y python3.11 make",
    "brew": "brew install python@3.12 make",
}


def fail(why):
    """Say why it cannot go on, and the one command that helps on this system."""
    known = [command for tool, command in INSTALL.items() if shutil.which(tool)]
    lines = known or ["Debian: " + INSTALL["apt-get"], "Fedora: " + INSTALL["dnf"], "macOS:  " + INSTALL["brew"]]
    sys.stderr.write("cellctl: {}\nThis helps:\n  {}\n".format(why, "\n  ".join(lines)))
    sys.exit(2)


def check_machine():
    """Refuse with a remedy when Python, venv or the disk will not do."""
    if sys.version_info < (3, 11):
        fail("Python 3.11 or newer is needed, this is {}.{}".format(*sys.version_info[:2]))
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        fail("this Python has no venv module")
    free_mb = shutil.disk_usage(ROOT).free // (1 << 20)
    if free_mb < NEED_MB:
        sys.stderr.write(
            "cellctl: {} MB are free under {}, {} MB are needed (two cloud SDKs take most of it).\n"
            "Free some space, or clone to another disk.\n".format(free_mb, ROOT, NEED_MB)
        )
        sys.exit(2)


def digest(dev):
    """Return what the environment was made from, to tell when it is stale."""
    text = hashlib.sha256()
    for name in ("uv.lock", "pyproject.toml", "tools/bootstrap.py"):
        with open(os.path.join(ROOT, name), "rb") as file:
            text.update(file.read())
    return "{}-{}\n".format(text.hexdigest(), "dev" if dev else "run")


def current(stamp, dev):
    """Tell whether the environment already holds what is asked for; one with dev tools also serves to run."""
    try:
        with open(stamp) as file:
            have = file.read()
    except OSError:
        return False
    return have == digest(True) or (not dev and have == digest(False))


def uv():
    """Return the path of uv, from PATH or from a private environment made here."""
    found = shutil.which("uv")
    if found:
        return found
    tools = os.path.join(ROOT, ".venv-tools")
    path = os.path.join(tools, "bin", "uv")
    if not os.path.exists(path):
        subprocess.run([sys.executable, "-m", "venv", tools], check=True)
        subprocess.run(
            [os.path.join(tools, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", UV], check=True
        )
    return path


def main():
    """Install if needed."""
    dev = "--dev" in sys.argv[1:]
    check_machine()
    stamp = os.path.join(ROOT, ".venv", ".cellctl-stamp")
    if current(stamp, dev):
        return
    began = time.monotonic()
    sys.stderr.write(
        "Installing into {}/.venv from the package index: about {} (pulumi, pulumi-aws and pulumi-azure-native "
        "are most of it), 0.8 GB on disk.\n".format(ROOT, "190 MB" if dev else "100 MB")
    )
    command = [uv(), "sync", "--frozen", "--quiet", "--python", sys.executable, *EXTRAS]
    env = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    for switch in ("UV_SYSTEM_CERTS", "UV_NATIVE_TLS"):  # trust what the machine trusts; new and old name
        env.setdefault(switch, "true")
    try:
        subprocess.run(command + ([] if dev else ["--no-dev"]), check=True, cwd=ROOT, env=env)
    except (OSError, subprocess.CalledProcessError):
        sys.stderr.write(
            "cellctl: the installation failed; what is above says why. Is the package index reachable? "
            "Then run the same command again, it goes on where it stopped.\n"
        )
        sys.exit(1)
    with open(stamp, "w") as file:
        file.write(digest(dev))
    sys.stderr.write("Installed in {:.0f} s.\n".format(time.monotonic() - began))


if __name__ == "__main__":
    main()
