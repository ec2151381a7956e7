"""A made-up page that uses everything a page can hold."""

import numpy as np

from gridpact.study.pages import (
    Axis,
    Bars,
    Block,
    Chart,
    Column,
    Curve,
    Figure,
    Finding,
    Group,
    HeatMap,
    Level,
    Link,
    Network,
    Node,
    Outline,
    Page,
    Plane,
    Region,
    Section,
    Table,
)

SIZES = np.array([3.0, 10.0, 30.0, 100.0])
STEPS = np.linspace(0.0, 1.0, 11)


def make_page(*, name: str = "home", title: str = "Gallery", blocks: tuple[Block, ...] = ()) -> Page:
    """Every kind of chart and block; ``name`` is the stem of all names inside of them."""
    shown = tuple(
        Figure(kind, f"A {kind} of {name}", f"How to read {name}.", chart, f"Seen: {name}.", f"Ran: {name}.")
        for kind, chart in charts(name).items()
    )
    words = (
        f"A paragraph on {name}.",
        Finding("first", "holds", f"It holds for {name}.", {"value": 1.5}),
        Finding("second", "fails", "It does not.", {"value": float("nan")}),
        Finding("third", "reported", "It is what it is."),
        Finding("fourth", "undecided", "Nobody can tell yet."),
        Table(
            "plain", "A table", (Column("who", [name, "b"]), Column("EUR", [1.25, float("nan")], digits=1)), "Read it."
        ),
    )
    sections = (Section("In words", words), Section("In pictures", (*shown, *blocks)))
    return Page(
        "gallery", title, (f"One sentence on {name}.",), (("Term", name),), sections, f"gridpact {name}", (name,)
    )


def charts(name: str = "home") -> dict[str, Chart]:
    """One of each kind, and each option at least once."""
    rng = np.random.default_rng(1)
    line = Curve(f"{name} line", STEPS, STEPS**2, STEPS**2 - 0.1, STEPS**2 + 0.1)
    dashed = Curve(f"{name} dashed", STEPS, STEPS / 2, style="dashed", tone="ink")
    cloud = Curve(f"{name} cloud", rng.random(9), rng.random(9), np.zeros(9), np.ones(9), style="points", symbol="ring")
    triangle = Region(f"{name} area", np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0]), tone=2)
    nodes = tuple(Node(f"{name} {at}", np.cos(at), np.sin(at), at % 2) for at in range(6))
    groups = (Group("a", rng.normal(size=7)), Group("b", rng.random(7), np.zeros(7), np.ones(7)))
    days = tuple(f"{name} {at}" for at in range(7))
    return {
        "lines": Plane(
            Axis("share"), Axis("EUR"), (line, dashed), levels=(Level("y", 0.5, name), Level("x", 0.9, name))
        ),
        "scaling": Plane(
            Axis("members", log=True),
            Axis("rounds", log=True),
            (Curve("a", SIZES, SIZES**2), Curve("b", SIZES[:2], SIZES[:2])),
        ),
        "polygon": Plane(Axis("payoff of a"), Axis("payoff of b"), (cloud,), regions=(triangle,), equal=True),
        "bars": Bars(days, "day", Axis("EUR"), groups),
        "logbars": Bars(days, "day", Axis("EUR", log=True), groups[1:]),
        "stack": Bars(days, "day", Axis("EUR"), groups[:1], stacked=True),
        "cells": HeatMap(days, ("x", "y"), ("column", "row"), rng.normal(size=(2, 7)), "EUR", diverging=True),
        "outlined": HeatMap(
            days,
            ("x", "y"),
            ("column", "row"),
            rng.normal(size=(2, 7)),
            "EUR",
            outlines=(
                Outline("left", np.arange(14).reshape(2, 7) % 7 < 3, 2),
                Outline("below", np.arange(14).reshape(2, 7) > 8, 3),
            ),
        ),
        "net": Network(nodes, (Link(0, 1, 2.0, name), Link(1, 4)), ("sellers", "buyers"), "kWh"),
    }
