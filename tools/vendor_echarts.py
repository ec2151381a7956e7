"""Build the chart library that reports carry: the parts of ECharts that pages draw with, in one minified file.

Run it with npm on the path: ``python tools/vendor_echarts.py``. It works in a temporary folder, leaves nothing but the files in
``src/gridpact/study/pages/vendor``, and gives the same bytes again for the same versions.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

ECHARTS = "6.1.0"
ESBUILD = "0.28.2"
CHARTS = ("BarChart", "CustomChart", "LineChart", "ScatterChart")
COMPONENTS = ("GridComponent", "TooltipComponent")
VENDOR = Path(__file__).parents[1] / "src/gridpact/study/pages/vendor"


def entry() -> str:
    """The module that names what is kept; everything else is shaken off."""
    return "\n".join(
        [
            'import { init, use } from "echarts/core";',
            f'import {{ {", ".join(CHARTS)} }} from "echarts/charts";',
            f'import {{ {", ".join(COMPONENTS)} }} from "echarts/components";',
            'import { SVGRenderer } from "echarts/renderers";',
            f"use([{', '.join(CHARTS + COMPONENTS)}, SVGRenderer]);",
            "export { init };",
        ]
    )


def build(folder: Path) -> None:
    """Fetch the two packages into a folder and bundle there."""
    (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
    (folder / "entry.js").write_text(entry(), encoding="utf-8")
    packages = [f"echarts@{ECHARTS}", f"esbuild@{ESBUILD}"]
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", *packages], cwd=folder, check=True)
    options = [
        "--bundle",
        "--minify",
        "--format=iife",
        "--global-name=echarts",
        "--target=es2018",
        "--legal-comments=none",
        '--define:process.env.NODE_ENV="production"',
        "--define:__DEV__=false",
        f"--banner:js=/* Apache ECharts {ECHARTS} (custom build), Apache-2.0; licences beside it. */",
        "--outfile=echarts.min.js",
    ]
    subprocess.run([folder / "node_modules/.bin/esbuild", "entry.js", *options], cwd=folder, check=True)


def licences(packages: Path) -> str:
    """Notices and licences of everything that ends up in the file."""
    parts = ("echarts/NOTICE", "echarts/LICENSE", "echarts/licenses/LICENSE-d3", "zrender/LICENSE", "tslib/LICENSE.txt")
    texts = [f"==== {part} ====\n\n{(packages / part).read_text(encoding='utf-8').strip()}\n" for part in parts]
    return "\n".join(texts)


def main() -> None:
    """Build and put the three files in place."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder)
        packages = folder / "node_modules"
        shutil.copyfile(folder / "echarts.min.js", VENDOR / "echarts.min.js")
        (VENDOR / "echarts.LICENSE.txt").write_text(licences(packages), encoding="utf-8")
        versions = {
            package: json.loads((packages / package / "package.json").read_text(encoding="utf-8"))["version"]
            for package in ("echarts", "zrender", "tslib")
        }
    note = {**versions, "built_by": "tools/vendor_echarts.py", "charts": CHARTS, "components": COMPONENTS}
    (VENDOR / "echarts.json").write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {VENDOR / 'echarts.min.js'}, {(VENDOR / 'echarts.min.js').stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
