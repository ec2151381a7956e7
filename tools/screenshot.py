"""Take the README's picture: the top of a report. ``python tools/screenshot.py out/report.html docs/images/report.png``."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

report, picture = map(Path, sys.argv[1:3])
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
    )
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(report.resolve().as_uri())
    page.wait_for_selector("svg path")
    height = page.locator("figure").first.evaluate("figure => figure.getBoundingClientRect().bottom + scrollY")
    page.screenshot(path=picture, full_page=True, clip={"x": 0, "y": 0, "width": 1280, "height": height})
    browser.close()
print(f"wrote {picture}")
