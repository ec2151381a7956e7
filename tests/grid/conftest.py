"""The tools that the grid is checked against."""

import warnings
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def pandapower() -> ModuleType:
    """pandapower, whose import warns of its own dependencies."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("pandapower")
