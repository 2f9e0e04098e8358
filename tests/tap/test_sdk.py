"""The SDK's own test suite for taps, run against the example company."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
