"""`sfsource login` with a person's clicks in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selenium.webdriver.remote.webelement import WebElement

from salesforce_simulator.simulation import DEMO_PASSWORD, DEMO_USER
from tests.fix_browser import needs_chromium
from tests.fix_process import wait_until
from tests.levels import slow

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    from tests.command.terminal import Terminal

pytestmark = [slow, needs_chromium]


def find(browser: Chrome, name: str) -> WebElement:
    """The element of that id, once the page that has it is there."""
    found = wait_until(lambda: browser.find_elements("id", name), f"a page with {name}")
    assert isinstance(found[0], WebElement)
    return found[0]


def sign_in(browser: Chrome, password: str = DEMO_PASSWORD) -> None:
    find(browser, "username").send_keys(DEMO_USER)
    browser.find_element("id", "password").send_keys(password)
    browser.find_element("id", "Login").click()


def heading(browser: Chrome) -> str:
    return str(browser.find_element("tag name", "h1").text)


def test_somebody_mistypes_signs_in_and_allows(terminal: Terminal, browser: Chrome) -> None:
    browser.get(terminal.start())
    sign_in(browser, "mistyped")
    assert "Please check your username and password." in find(browser, "error").text
    sign_in(browser)
    button = find(browser, "oaapprove")
    assert "Manage user data via APIs" in browser.page_source
    button.click()
    wait_until(lambda: browser.current_url.startswith(terminal.callback), "the browser comes back")
    assert heading(browser) == "Salesforce has answered"
    assert "You can close this page" in browser.page_source
    assert f"Logged in as {DEMO_USER}" in terminal.finish().stdout
    assert terminal.read().expect().messages("RECORD")


def test_who_is_signed_in_signs_in_again_and_may_deny(terminal: Terminal, browser: Chrome) -> None:
    browser.get(f"{terminal.served.url}/")
    sign_in(browser)
    wait_until(lambda: browser.get_cookie("sid"), "the browser is signed in")
    browser.get(terminal.start())
    sign_in(browser)
    find(browser, "oadeny").click()
    wait_until(lambda: browser.current_url.startswith(terminal.callback), "the browser comes back")
    assert heading(browser) == "Not logged in"
    assert "Log in again and choose Allow." in terminal.finish(2).stderr
    assert terminal.kept() == []
