"""The simulator's README tells the truth."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator import command_line
from salesforce_simulator.http import admin, steering
from salesforce_simulator.http.fault_specs import rule_of
from salesforce_simulator.simulation import Simulation
from tests.fix_process import PROJECT

if TYPE_CHECKING:
    from tests.fix_process import Processes

PACKAGE = PROJECT / "salesforce_simulator"
README = PACKAGE / "README.md"
TEXT = README.read_text("utf-8")
SOURCES = {"guide", "notice", "recorded", "reported", "assumed"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_the_examples_run(processes: Processes) -> None:
    own = [block for block in blocks("python") if "simple-salesforce" not in block]
    tests = [block for block in own if "def test_" in block]
    plain = [block for block in own if block not in tests]
    assert (len(plain), len(tests)) == (2, 3)
    for block in plain:
        exec(compile(block, str(README), "exec"), {})
    processes.directory.joinpath("test_readme.py").write_text("\n".join(tests))
    environment = {"PYTHONPATH": str(PROJECT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    processes.python(
        "-m", "pytest", "-q", "-p", "salesforce_simulator.pytest_plugin", env=environment
    ).expect()


def test_what_it_shows_of_the_examples_stands_in_them() -> None:
    shown = {
        "test_simple_salesforce.py": [block for block in blocks("python") if "simple-salesforce" in block],
        "jsforce.test.mjs": blocks("javascript"),
    }
    for name, [block] in shown.items():
        lines = (PACKAGE / "examples" / name).read_text("utf-8").splitlines()
        assert [line for line in block.splitlines() if line and line not in lines] == []


def test_its_faults_are_faults_and_its_flags_are_flags(capsys: pytest.CaptureFixture[str]) -> None:
    [listed] = blocks("text")
    for line in listed.splitlines():
        rule_of(line.split("  ")[0])
    for spec in re.findall(r'faults=\[(".*?")\]', TEXT):
        for part in re.findall(r'"(.*?)"', spec):
            rule_of(part)
    with pytest.raises(SystemExit):
        command_line.parser().parse_args(["--help"])
    known = capsys.readouterr().out
    assert [flag for flag in re.findall(r"`(--(?!sales)[a-z-]+)", TEXT) if flag not in known] == []


def test_its_tables_are_those_of_the_code() -> None:
    attributes = {name for name in vars(Simulation) if not name.startswith("_")} | {"server"}
    start = TEXT.index("| attribute |")
    named = {name for row in table(start) for name in re.findall(r"`([a-z_]+)(?:\(\))?`", row[0])}
    assert named == attributes
    for method, path in re.findall(r"`(?:GET`, `|POST`, `)?([A-Z]+) (/_simulator/[a-z-]+)", TEXT):
        assert any(
            (route.method, route.path) == (method, path) for route in (*admin.ROUTES, *steering.ROUTES)
        )


def test_each_fact_has_a_source() -> None:
    facts = table(TEXT.index("| fact | source | since |"))
    assert len(facts) > 50
    for fact, source, since in facts:
        assert set(source.split(", ")) <= SOURCES, fact
        assert re.fullmatch(r"(?:API \d\d|(?:Spring|Summer|Winter) '\d\d)?", since), fact
    assert len({fact for fact, _, _ in facts}) == len(facts)


def table(start: int) -> list[list[str]]:
    """The rows of the table that begins there, without its head."""
    text = TEXT[start:].partition("\n\n")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[2:]]


def test_every_module_is_on_the_map() -> None:
    page = (PROJECT / "docs" / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z0-9_]+)/?`", page))
    modules = {path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__")} - {"hatch_build"}
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert modules | folders <= named | {"errors"}


def test_nothing_in_the_org_knows_a_client() -> None:
    """An org that treats a client by its name would prove nothing about that client."""
    clients = re.compile(
        r"simple.?salesforce|js-?force|airbyte|singer|meltano|tap-|tap_|target-|target_sf|\bdlt\b|fivetran|"
        r"estuary|sfsource|sfwarehouse|pipelinewise|hevo|stitch|python-requests|user.?agent",
        re.IGNORECASE,
    )
    for path in PACKAGE.rglob("*.py"):
        if "examples" in path.parts:
            continue
        found = clients.findall(path.read_text("utf-8"))
        assert not found, f"{path.name} names {found}"
