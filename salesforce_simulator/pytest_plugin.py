"""Fixtures for pytest: `salesforce_org` and `salesforce_company`, each a simulated org that lives as long as its test.

pytest loads this file wherever the package is installed, so that nothing else is imported before a fixture is used.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from salesforce_simulator.simulation import Simulation

FEATURES = ("multicurrency", "schedules", "tags")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options that hold for all orgs of a run."""
    group = parser.getgroup("salesforce", "simulated Salesforce orgs (salesforce-simulator)")
    group.addoption(
        "--salesforce-seed",
        metavar="N",
        type=int,
        default=1,
        help="what ids and example data of simulated orgs depend on (default: %(default)s)",
    )
    group.addoption(
        "--salesforce-feature",
        metavar="FEATURE",
        action="append",
        choices=FEATURES,
        default=[],
        help=f"switch a feature of simulated orgs on: {', '.join(FEATURES)}; may be repeated",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers",
        "salesforce(company, features, seed, sandbox, clock, custom_objects, records, faults, tls, settings): what the "
        "simulated org of salesforce_org or salesforce_company is like",
    )


@pytest.fixture
def salesforce_org(request: pytest.FixtureRequest) -> Iterator[Simulation]:
    """A simulated Salesforce org with the standard objects, a login and no data, unless the mark says otherwise."""
    yield from _served(request)


@pytest.fixture
def salesforce_company(request: pytest.FixtureRequest) -> Iterator[Simulation]:
    """A simulated Salesforce org with the example company."""
    yield from _served(request, company=True)


def _served(request: pytest.FixtureRequest, **wanted: Any) -> Iterator[Simulation]:
    from salesforce_simulator.simulation import simulate  # noqa: PLC0415 - takes a third of a second

    known = inspect.signature(simulate).parameters
    # The mark nearest to the test comes first, and wins.
    for mark in request.node.iter_markers("salesforce"):
        for name in mark.kwargs:
            if name not in known:
                pytest.fail(f"pytest.mark.salesforce has no {name}; it has {', '.join(known)}", pytrace=False)
        if mark.args:
            pytest.fail("pytest.mark.salesforce takes named values only, such as company=True", pytrace=False)
        wanted = {**mark.kwargs, **wanted}
    wanted.setdefault("seed", request.config.getoption("--salesforce-seed"))
    wanted["features"] = {*wanted.get("features", ()), *request.config.getoption("--salesforce-feature")}
    try:
        with simulate(**wanted) as salesforce:
            yield salesforce
    except ValueError as error:
        problem = str(error)
    else:
        return
    pytest.fail(f"pytest.mark.salesforce: {problem}", pytrace=False)
