"""The SDK's own test suite for taps, run against the example company."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk import Stream, Tap
from singer_sdk.singerlib import Catalog

import tap_sfsource
from tap_sfsource.singer.sdk import SDKTap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.fix_org import OrgServer
    from tests.fix_process import Processes

# The suite asks for the streams while it is collected, so it is collected once the org is up.
SUITE = """
import json
from pathlib import Path

from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_sfsource.tap import TapSFSource

config = json.loads(Path(__file__).with_name("config.json").read_text())
TestTap = get_tap_test_class(TapSFSource, config=config, parse_env_config=False)
"""


def test_the_sdks_suite_passes(company_server: OrgServer, processes: Processes) -> None:
    processes.write("config.json", company_server.config())
    (processes.directory / "test_suite.py").write_text(SUITE)

    finished = processes.run(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_suite.py"
    ).expect(0)

    passed = re.search(r"(\d+) passed", finished.stdout)
    assert passed
    assert int(passed[1]) > 1000


class Plain(SDKTap):
    """A tap that notes what the SDK asks of it."""

    name = "plain"
    config_jsonschema = {"type": "object", "properties": {"known": {"type": "string"}}}  # noqa: RUF012 - the SDK's
    asked: list[Any]

    def checked(self, config: Mapping[str, Any]) -> dict[str, Any]:
        self.asked = [dict(config)]
        return dict(config)

    def terminate(self, signum: int) -> None:
        self.asked.append(signum)

    def catalog_of_run(self) -> Catalog:
        self.asked.append("catalog")
        return Catalog()

    def discover_streams(self) -> list[Stream]:
        return []


def test_the_sdk_asks_by_the_names_that_are_used() -> None:
    tap = Plain(config={"known": "a"})
    assert tap.asked[0] == {"known": "a"}
    assert tap.input_catalog is tap.input_catalog
    assert tap.asked.count("catalog") == 1
    before = signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGTERM, tap._handle_termination)
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert tap.asked[-1] == signal.SIGTERM


def test_csv_is_a_format_of_batch_files_and_the_sdks_activation_no_setting() -> None:
    schema: dict[str, Any] = {"properties": {}}
    Plain.append_builtin_config(schema)
    encoding = schema["properties"]["batch_config"]["properties"]["encoding"]
    assert {"jsonl", "csv"} <= set(encoding["properties"]["format"]["enum"])
    assert "emit_activate_version_messages" not in schema["properties"]


def private_names(
    tree: ast.AST, of_the_sdk: set[str], derived: set[str], *, own: bool = True
) -> Iterator[str]:
    """Private names that code uses; `self` has names of its own in a class that is not derived from the SDK's."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("singer_sdk"):
            names = [*node.module.split("."), *(alias.name for alias in node.names)]
            yield from (name for name in names if name.startswith("_"))
        elif isinstance(node, ast.Attribute) and node.attr in of_the_sdk:
            of_itself = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
            yield from [] if own and of_itself else [node.attr]
        inside = node.name not in derived if isinstance(node, ast.ClassDef) else own
        yield from private_names(node, of_the_sdk, derived, own=inside)


PACKAGE = Path(tap_sfsource.__file__).parent


@pytest.mark.parametrize(
    "name",
    [
        str(path.relative_to(PACKAGE.parent).with_suffix("")).replace("/", ".")
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "sdk.py"
    ],
)
def test_private_names_of_the_sdk_stand_in_one_module(name: str) -> None:
    sources = [
        inspect.getsource(part) for part in (*Tap.__mro__, *Stream.__mro__) if "singer_sdk" in part.__module__
    ]
    private = {found for source in sources for found in re.findall(r"\b(?:self\.|def )(_[a-z]\w*)", source)}
    module = importlib.import_module(name)
    derived = {
        name
        for name, part in vars(module).items()
        if isinstance(part, type) and issubclass(part, Tap | Stream)
    }
    source = Path(str(module.__file__)).read_text()
    assert not set(private_names(ast.parse(source), private, derived))
