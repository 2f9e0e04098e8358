"""Fixtures come as plugins, one a concern."""

from hypothesis import HealthCheck, settings

from tests.levels import REPEATABLE, at_level

pytest_plugins = [
    "salesforce_simulator.pytest_plugin",
    "tests.fix_org",
    "tests.fix_warehouse",
    "tests.fix_process",
    "tests.fix_meltano",
    "tests.fix_plugins",
    "tests.fix_browser",
]

# How long an example takes says more of what else the machine does than of the code.
settings.register_profile(
    "any machine",
    deadline=None,
    max_examples=at_level(normal=100, wide=500, long=2000),
    print_blob=not REPEATABLE,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")
