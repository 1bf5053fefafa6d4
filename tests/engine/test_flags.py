"""Flags verb by verb: each does what it does in the CLI, changes only what is shown, or is refused by name."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cellctl_sandbox.engine import command
from cellctl_sandbox.engine.command.arguments import Arguments, parse
from cellctl_sandbox.engine.command.flags import SHOWN, TABLE
from cellctl_sandbox.engine.command.replies import Refusal
from cellctl_sandbox.engine.errors import UnsupportedFeature
from cellctl_sandbox.engine.refusals import FLAGS

FOLDER = Path(command.__file__).parent
KNOWN = {name for flags in TABLE.values() for name in flags}
HELPED = re.compile(r"^\s+(?:-(\w), )?\s*--([\w-]+)(?: ?(\S+))?", re.M)


def parsed(text: str, environment: dict[str, str] | None = None) -> Arguments:
    return parse(text.split(), environment or {})


def test_no_flag_is_taken_and_forgotten():
    sources = "".join(file.read_text() for file in FOLDER.glob("*.py") if file.name != "flags.py")
    read = set(re.findall(r'"([a-z-]+)"', sources))
    silent = KNOWN - SHOWN - FLAGS.keys() - read
    assert silent == set(), "neither read, nor said to change only what is shown, nor refused"
    assert SHOWN | FLAGS.keys() <= KNOWN, "words that are no flags"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("preview --yes", "unknown flag: --yes"),
        ("up --yes --clear-pending-creates", "unknown flag: --clear-pending-creates"),
        ("destroy --yes --expect-no-changes", "unknown flag: --expect-no-changes"),
        ("config get --plaintext x", "unknown flag: --plaintext"),
        ("state taint --all", "unknown flag: --all"),
        ("whoami -Z", "unknown shorthand flag: 'Z' in -Z"),
        ("up --parallel", "flag needs an argument: --parallel"),
        ("up --parallel many", 'invalid argument "many" for "--parallel" flag'),
        ("up --yes=perhaps", 'invalid argument "perhaps" for "--yes" flag'),
        ("refresh --target a --exclude b", r"\[target exclude\] are set .* \[exclude target\] were all set"),
        ("config set --secret --type int a 1", r"\[plaintext type\]|\[secret type\] were all set"),
        ("stack ls --output xml", 'output "xml" not supported'),
        ("nonsense", 'unknown command "nonsense"'),
    ],
)
def test_what_the_cli_does_not_know_is_refused_in_its_words(line, said):
    with pytest.raises(Refusal, match=said):
        parsed(line)


@pytest.mark.parametrize("flag", sorted(FLAGS))
def test_what_is_not_there_is_refused_by_name(flag):
    verb = next(verb for verb, flags in TABLE.items() if flag in flags)
    with pytest.raises(UnsupportedFeature, match=f"--{flag}"):
        parsed(f"{verb} --{flag}=1")


def test_words_flags_and_their_short_forms_are_told_apart():
    line = parsed("-C deep --color=never down -yf -t a --target=b -p3 --refresh --config x=1 --config y=2 --parallel 4")
    assert (line.verb, line.operands) == ("destroy", ())
    assert line.switches == {"yes", "skip-preview"}
    assert {key: line.values[key] for key in ("cwd", "target", "parallel", "refresh", "config")} == {
        "cwd": ("deep",), "target": ("a", "b"), "parallel": ("3", "4"), "refresh": ("true",), "config": ("x=1", "y=2")
    }  # fmt: skip
    assert parsed("stack hist -j").has("json")
    assert parsed("config set k -- -5").operands == ("k", "-5")
    assert parsed("up --yes=false").off == {"yes"}
    assert parse(["stack", "tag", "set", "", "1"], {}).operands == ("", "1")


def test_a_variable_stands_for_a_flag_that_is_not_given():
    told = {"PULUMI_OPTION_REFRESH": "true", "PULUMI_OPTION_TARGET": "a,b", "PULUMI_OPTION_YES": "1"}
    line = parsed("up --yes=false --target c", told)
    assert (line.value("refresh"), line.values["target"], line.has("yes")) == ("true", ("c",), False)
    assert parsed("up", told).values["target"] == ("a", "b")


@pytest.mark.needs("pulumi")
@pytest.mark.parametrize("verb", sorted(TABLE))
def test_the_cli_has_no_flag_that_is_not_in_the_table(verb):
    pulumi = shutil.which("pulumi")
    assert pulumi is not None
    told = subprocess.run([pulumi, *verb.split(), "--help"], capture_output=True, text=True, check=True).stdout
    found = {(name, short) for short, name, _ in HELPED.findall(told.partition("Flags:")[2]) if name != "help"}
    ours = {(flag.name, flag.short) for flag in TABLE[verb].values()}
    assert found - ours == set()
