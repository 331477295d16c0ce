"""Headless Chromium, and how a user's hands and eyes are told to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver import ActionChains, Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

SECONDS = 20.0
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1400,1000",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--no-proxy-server",
)  # fmt: skip


class Browser:
    """One window."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def begin(self) -> None:
        """As new: light, without anything stored."""
        self.driver.get("about:blank")
        self.driver.delete_all_cookies()
        self.prefers("light")
        self.faults()

    def prefers(self, scheme: str) -> None:
        """What the system is set to."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def open(self, link: str) -> None:
        self.driver.get(link)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def see(self, selector: str, text: str = "") -> WebElement:
        """The first visible element of this kind that holds the text; waits for it."""

        def found(_: object) -> WebElement | None:
            with suppress(StaleElementReferenceException):
                for element in self.all(selector):
                    if element.is_displayed() and text in element.text:
                        return element
            return None

        element = self.until(found, f"{selector} with {text!r}")
        assert isinstance(element, WebElement)
        return element

    def until(self, holds: Callable[[object], Any], what: str) -> Any:
        try:
            return WebDriverWait(self.driver, SECONDS, poll_frequency=0.05).until(holds)
        except TimeoutException:
            seen = self.driver.find_element(By.TAG_NAME, "body").text[:2000]
            raise AssertionError(f"{what} was not seen; the page says:\n{seen}\n{self.faults()}") from None

    def gone(self, selector: str, text: str = "") -> None:
        """Waits until there is no such element to be seen."""

        def away(_: object) -> bool:
            with suppress(StaleElementReferenceException):
                return not any(each.is_displayed() and text in each.text for each in self.all(selector))
            return False

        self.until(away, f"the end of {selector} with {text!r}")

    def click(self, selector: str, text: str = "") -> None:
        ActionChains(self.driver).move_to_element(self.see(selector, text)).click().perform()

    def press(self, *keys: str) -> None:
        """Keys, one after another, to whatever has the focus."""
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def script(self, code: str, *arguments: Any) -> Any:
        return self.driver.execute_script(code, *arguments)

    def focused(self) -> str:
        """What the element with the focus is called."""
        return str(
            self.script(
                "const e = document.activeElement; return e.getAttribute('aria-label') || e.textContent"
            )
        )

    def faults(self) -> list[str]:
        """What went wrong in the pages since this was last asked: errors of scripts and of the policy."""
        logged = self.driver.get_log("browser")
        # A server that is away on purpose is no fault of the page.
        return [
            each["message"]
            for each in logged
            if each["level"] == "SEVERE" and "Failed to load resource" not in each["message"]
            and "net::ERR_" not in each["message"]
        ]  # fmt: skip


@contextmanager
def started(program: str, driver: str, profile: Path, *flags: str) -> Iterator[Browser]:
    """A browser of its own, gone when the block ends."""
    options = ChromeOptions()
    options.binary_location = program
    for flag in (*_FLAGS, *flags, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = Chrome(options=options, service=Service(driver))
    try:
        yield Browser(chrome)
    finally:
        chrome.quit()
