"""The simulator's README tells the truth."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[2] / "salesforce_simulator" / "README.md"


def test_the_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    exec(compile(example, str(README), "exec"), {})


def test_every_module_is_named() -> None:
    named = set(re.findall(r"`([a-z0-9_]+)/?`", README.read_text("utf-8")))
    modules = {path.stem for path in README.parent.glob("*.py") if not path.stem.startswith("__")}
    folders = {
        path.name for path in README.parent.iterdir() if path.is_dir() and not path.name.startswith("__")
    }
    assert modules | folders <= named | {"errors"}


def test_nothing_in_the_org_knows_a_client() -> None:
    """An org that treats a client by its name would prove nothing about that client."""
    clients = re.compile(
        r"simple.?salesforce|js-?force|airbyte|singer|meltano|tap-|tap_|target-|target_sf|\bdlt\b|fivetran|"
        r"estuary|sfsource|sfwarehouse|pipelinewise|hevo|stitch|python-requests|user.?agent",
        re.IGNORECASE,
    )
    for path in (README, *README.parent.rglob("*.py")):
        found = clients.findall(path.read_text("utf-8"))
        assert not found, f"{path.name} names {found}"
