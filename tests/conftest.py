"""Fixtures come as plugins, one a concern."""

pytest_plugins = [
    "tests.fix_org",
    "tests.fix_warehouse",
    "tests.fix_process",
    "tests.fix_meltano",
    "tests.fix_plugins",
]
