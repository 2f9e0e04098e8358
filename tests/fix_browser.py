"""A real browser, Debian's Chromium without a screen, driven by its ChromeDriver."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from selenium.webdriver import Chrome

CHROMIUM = shutil.which("chromium")
CHROMEDRIVER = shutil.which("chromedriver")

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None or CHROMEDRIVER is None,
    reason="needs chromium and chromium-driver (Debian's packages of these names)",
)

_FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    # It asks nobody but the pages of the test.
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)


@pytest.fixture
def new_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Chrome]]:
    """Starts browsers, each with a new profile; a test of what a signed-out person sees starts another."""
    started: list[Chrome] = []

    def start() -> Chrome:
        browser = _start(tmp_path_factory.mktemp("profile"))
        started.append(browser)
        return browser

    yield start
    for browser in started:
        browser.quit()


@pytest.fixture
def browser(new_browser: Callable[[], Chrome]) -> Chrome:
    """A browser with a new profile; the test has the mark `needs_chromium`."""
    return new_browser()


def _start(profile: Path) -> Chrome:
    from selenium import webdriver  # noqa: PLC0415 - slow, and few tests need it
    from selenium.webdriver.chrome.service import Service  # noqa: PLC0415

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    options.add_argument(f"--user-data-dir={profile}")
    # As root, Chromium refuses its own sandbox.
    for flag in (*_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(str(CHROMEDRIVER)))
