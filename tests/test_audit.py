"""`make audit` tells known vulnerabilities from data that could not be reached. A program answers in pip-audit's place."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.fix_process import PROJECT

if TYPE_CHECKING:
    from tests.fix_process import Processes

FINE = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
UNASKED = {"name": "c", "skip_reason": "Dependency not found on PyPI and could not be audited: c (1)"}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([FINE], 0, "1 of 1 packages asked about, 0 vulnerabilities"),
        ([FINE, BAD], 1, "b 2: CVE-1, mended in 3"),
        ([FINE, UNASKED], 2, "the data could not be reached for 1 packages, such as: Dependency not found"),
        ([BAD, UNASKED], 1, "the data could not be reached for 1 packages"),
        (None, 2, "nobody could be asked: no route to host"),
    ],
    ids=["none", "some", "unasked", "both", "no network"],
)
def test_it_says_what_is_known(
    packages: list[dict[str, Any]] | None, status: int, said: str, processes: Processes
) -> None:
    program = processes.directory / "pip-audit"
    if packages is None:
        program.write_text("#!/bin/sh\necho 'no route to host' >&2\nexit 1\n")
    else:
        answer = json.dumps({"dependencies": packages, "fixes": []})
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\n")
    program.chmod(0o755)
    finished = processes.run(sys.executable, PROJECT / "requirements" / "audit.py", program, "dev.txt")
    assert said in finished.expect(status).stdout
