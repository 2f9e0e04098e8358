"""Ask for known vulnerabilities of what the locks name, and say of what nobody could be asked.

    python requirements/audit.py PIP-AUDIT LOCK...

Exit status: 0 none is known, 1 some are, 2 the data could not be reached, for all packages or some.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

OPTIONS = ("--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off")


def main(program: str, locks: list[str]) -> int:
    """Audit each lock; the worst is the status."""
    return max(_audited(program, lock) for lock in locks)


def _audited(program: str, lock: str) -> int:
    done = subprocess.run([program, *OPTIONS, "-r", lock], check=False, capture_output=True, text=True)  # noqa: S603
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        said = (done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
        print(f"{lock}: nobody could be asked: {said}")
        return 2
    unasked = [package for package in packages if "skip_reason" in package]
    found = [(package, each) for package in packages for each in package.get("vulns", ())]
    for package, each in found:
        fixed = ", ".join(each["fix_versions"]) or "no version"
        print(f"{lock}: {package['name']} {package['version']}: {each['id']}, mended in {fixed}")
    print(
        f"{lock}: {len(packages) - len(unasked)} of {len(packages)} packages asked about, {len(found)} vulnerabilities."
    )
    if unasked:
        print(
            f"{lock}: the data could not be reached for {len(unasked)} packages, such as: {unasked[0]['skip_reason']}"
        )
    return 1 if found else 2 if unasked else 0


if __name__ == "__main__":
    sys.exit(main(str(Path(sys.argv[1]).absolute()), sys.argv[2:]))
