"""What runs elsewhere, on other systems and before a commit, is what make runs here."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text("utf-8"))
    for path in (ROOT / ".github" / "workflows").glob("*.yml")
}
STEPS = [
    (name, step)
    for name, workflow in WORKFLOWS.items()
    for job in workflow["jobs"].values()
    for step in job.get("steps", ())
]


def is_made(command):
    """Whether a command is a target of the Makefile, with variables that it knows."""
    make, target, *settings = command.split(" ")
    targets = re.findall(r"^([a-z-]+):(?!=)", MAKEFILE, re.MULTILINE)
    variables = re.findall(r"^(?:ifdef )?([A-Z]+)\b", MAKEFILE, re.MULTILINE)
    return (
        make == "make"
        and target in targets
        and all(one.partition("=")[0] in variables for one in settings)
    )


def test_a_command_that_make_does_not_know_is_noticed():
    assert is_made("make test PYTHON=python")
    for other in ("make fly", "make xvfb-run", "make test NOISE=1", "pip install x"):
        assert not is_made(other)


def test_workflows_run_targets_of_the_makefile_alone():
    commands = {
        # Expressions may hold spaces.
        re.sub(r"\$\{\{.*?\}\}", "chosen", line)
        for _, step in STEPS
        for line in step.get("run", "").splitlines()
    }
    assert commands
    assert not [command for command in commands if not is_made(command)]


def test_hooks_run_targets_of_the_makefile_alone():
    path = ROOT / ".pre-commit-config.yaml"
    if not path.is_file():
        pytest.skip("an sdist comes without")
    hooks = [
        hook
        for repository in yaml.safe_load(path.read_text("utf-8"))["repos"]
        for hook in repository["hooks"]
    ]
    assert hooks
    assert not [hook["entry"] for hook in hooks if not is_made(hook["entry"])]


def test_every_system_and_every_python_that_is_named_is_tested():
    matrix = WORKFLOWS["tests"]["jobs"]["tests"]["strategy"]["matrix"]
    systems = {one.partition("-")[0] for one in matrix["system"]}
    assert systems == {"ubuntu", "macos", "windows"}
    declared = re.findall(
        r'"Programming Language :: Python :: (3\.\d+)"',
        (ROOT / "pyproject.toml").read_text("utf-8"),
    )
    assert {declared[0], declared[-1]} <= set(matrix["python"]) <= set(declared)


def test_only_the_step_that_publishes_may_do_more_than_read():
    for name, workflow in WORKFLOWS.items():
        assert workflow["permissions"] == {"contents": "read"}, name
        for title, job in workflow["jobs"].items():
            publishes = (name, title) == ("release", "publish")
            granted = {"id-token": "write"} if publishes else None
            assert job.get("permissions") == granted, (name, title)
            if publishes:  # nothing but what was built and tested
                assert not [step for step in job["steps"] if "run" in step]
                assert job["needs"] == "tests"
                assert job["environment"] == "pypi"


def test_what_is_checked_out_has_the_tags_that_tell_the_version():
    checkouts = [
        step["with"]
        for _, step in STEPS
        if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert checkouts
    assert all(options["fetch-depth"] == 0 for options in checkouts)
