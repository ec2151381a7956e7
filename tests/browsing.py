"""Pages in a real browser: opened offline, watched for what they say and ask for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
DRAWN = """id => {
  const svg = document.querySelector(`#chart-${id} svg`);
  const inside = svg.getBoundingClientRect();
  const shapes = [...svg.querySelectorAll("path, rect, circle, polyline, polygon")].filter((shape) => {
    const box = shape.getBoundingClientRect();
    return box.width + box.height > 0 && box.right > inside.left && box.left < inside.right;
  });
  return { width: inside.width, height: inside.height, shapes: shapes.length, words: svg.querySelectorAll("text").length };
}"""


class Watched:
    """A page with everything it said and asked for."""

    def __init__(self, page: Any) -> None:
        self.page, self.complaints, self.requests = page, list[str](), list[str]()
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))


@contextmanager
def running(chromium: str) -> Iterator[Any]:
    """A headless browser."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def windows(browser: Any) -> Iterator[Callable[..., Watched]]:
    """Opens an address in a window of a size and colour scheme of its own; all are closed at the end."""
    contexts = []

    def open_page(viewport: dict[str, int], scheme: str, address: str) -> Watched:
        context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
        contexts.append(context)
        context.set_default_timeout(30_000)
        watched = Watched(context.new_page())
        watched.page.goto(address)
        return watched

    yield open_page
    for context in contexts:
        context.close()
