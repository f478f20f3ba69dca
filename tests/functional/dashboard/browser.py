# SPDX-License-Identifier: Apache-2.0
"""Chromium without a screen, in which somebody has signed in to Horizon."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.functional.dashboard.deployment import Horizon
from tests.functional.keystone.deployment import PASSWORD

#: What Debian calls the two programs.
PROGRAMS = ("chromium", "chromedriver")
#: Seconds for a page: the first one of a theme is compiled.
_PATIENCE = 120


def missing() -> list[str]:
    """Which of the programs are not installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


class Browser:
    """What somebody sees of a Horizon."""

    def __init__(self, driver: webdriver.Chrome, horizon: Horizon) -> None:
        self.driver = driver
        self._horizon = horizon

    def sign_in(self, user: str) -> None:
        self.open("/auth/login/")
        for name, value in (("username", user), ("password", PASSWORD)):
            self.driver.find_element(By.NAME, name).send_keys(value)
        self.driver.find_element(By.CSS_SELECTOR, "[type=submit]").click()
        self.wait_for("#content_body")

    def open(self, path: str) -> None:
        """A page; a path of the Horizon, with the parameters."""
        self.driver.get(f"{self._horizon.url}{path}")

    def wait_for(self, selector: str) -> None:
        """Until something is there, and seen."""

        def is_there(driver: webdriver.Chrome) -> bool:
            found = driver.find_elements(By.CSS_SELECTOR, selector)
            return any(one.is_displayed() for one in found)

        WebDriverWait(self.driver, _PATIENCE).until(is_there, selector)

    def texts(self, selector: str) -> list[str]:
        """What can be read, in each place of a kind."""
        found = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return [one.text for one in found if one.is_displayed()]

    def click(self, selector: str) -> None:
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def type(self, selector: str, text: str) -> None:
        self.driver.find_element(By.CSS_SELECTOR, selector).send_keys(text)

    def value(self, selector: str) -> str:
        """What somebody has typed, or the page for them."""
        found = self.driver.find_element(By.CSS_SELECTOR, selector)
        return found.get_property("value")

    def open_row(self, message: str) -> None:
        """Open the fault whose message has a text in it, and wait until it is open."""
        self.wait_for(".faults-table")
        for button in self.driver.find_elements(
            By.CSS_SELECTOR, ".faults-message button"
        ):
            if message in button.text:
                button.click()
                self.wait_for(".faults-more .collapse.in")
                return
        raise AssertionError(f"no message has {message!r} in it")

    def resize(self, width: int, height: int) -> None:
        """The page itself: a window has a least width."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {
                "width": width,
                "height": height,
                "deviceScaleFactor": 1,
                "mobile": False,
            },
        )

    def width(self) -> int:
        """Of the page: more than that of the window, where it must be scrolled sideways."""
        found: int = self.driver.execute_script(
            "return document.documentElement.scrollWidth"
        )
        return found

    def draw(self, file: Path) -> None:
        """Write what is seen now."""
        self.driver.save_screenshot(str(file))


@contextlib.contextmanager
def signed_in(horizon: Horizon, user: str, folder: Path) -> Iterator[Browser]:
    """A new browser of somebody, until the block ends.

    :param folder: for the browser's files
    """
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which(PROGRAMS[0]) or ""
    options.add_argument("--headless=new")
    options.add_argument("--hide-scrollbars")
    # Shared memory is scarce in containers.
    options.add_argument("--disable-dev-shm-usage")
    options.add_argument(f"--user-data-dir={folder}")
    if os.geteuid() == 0:
        # It does not start as root otherwise.
        options.add_argument("--no-sandbox")
    service = webdriver.ChromeService(shutil.which(PROGRAMS[1]))
    driver = webdriver.Chrome(options, service)
    try:
        browser = Browser(driver, horizon)
        browser.resize(1280, 900)
        browser.sign_in(user)
        yield browser
    finally:
        driver.quit()
