"""What every test may ask for: the measured data beside the project, a browser; and how hypothesis runs.

A test whose data or browser is absent is skipped with the reason. In CI (``CI=true``) the absence is a failure, so that a
test cannot silently stop running.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MARKER_OF_FIXTURE = {"shared_data": "data", "chromium": "browser", "postgres_url": "postgres"}

settings.register_profile("dev", deadline=None)
settings.register_profile(
    "ci", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if IN_CI else "dev")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by the fixtures it asks for, so that ``-m "not data"`` needs no second list."""
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in MARKER_OF_FIXTURE:
                item.add_marker(MARKER_OF_FIXTURE[fixture])


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the project."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of measured data beside the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        _absent("the measured data is absent: no folder ../shared/data beside the project")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium that can run headless."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        _absent(f"no browser on the path: none of {', '.join(BROWSERS)}")
    return found


@pytest.fixture(scope="session")
def absent() -> Callable[[str], NoReturn]:
    """Says that something a test needs is not on this machine."""
    return _absent


def _absent(reason: str) -> NoReturn:
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)
