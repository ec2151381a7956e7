"""What every page is made of: templates, files carried inside, and data that is safe inside a script element."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gridpact import __version__

HERE = "gridpact.study.pages"
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def render_page(package: str, template: str, *, style: str, scripts: Sequence[str], data: Any, **shown: Any) -> str:
    """One HTML file with its style, its scripts, the chart library and its data.

    Parameters
    ----------
    package
        Holds ``templates/``; the template may extend the frame ``frame.html.j2`` that all pages share.
    template
        Name of the template.
    style
        Style sheet of the package, which follows that of the frame.
    scripts
        Scripts of the package by name, after those of the frame and in one scope with them.
    data
        What the charts draw.
    shown
        What the template shows.
    """
    return (
        _templates(package)
        .get_template(template)
        .render(
            data=script_data(data),
            style=Markup("").join((_inline(HERE, "frame.css"), _inline(package, style))),
            library=Markup(files(HERE).joinpath("vendor/echarts.min.js").read_text(encoding="utf-8")),
            script=Markup("\n").join(
                (_inline(HERE, "scripts/frame.js"), *(_inline(package, f"scripts/{name}.js") for name in scripts))
            ),
            version=__version__,
            **shown,
        )
    )


def script_data(data: Any) -> Markup:
    """Data as JSON that is safe inside a script element; a number that is not finite becomes null.

    Examples
    --------
    >>> script_data({"name": "</script>", "price": float("nan")})
    Markup('{"name":"\\\\u003c/script\\\\u003e","price":null}')
    """
    text = msgspec.json.encode(data).decode()
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return Markup(text)


@cache
def _templates(package: str) -> Environment:
    loader = ChoiceLoader([PackageLoader(package), PackageLoader(HERE)])
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _inline(package: str, name: str) -> Markup:
    """A template file of a package as it is: trusted, because it is ours."""
    return Markup(files(package).joinpath("templates", name).read_text(encoding="utf-8"))
