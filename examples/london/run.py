"""Run 88 measured London homes for a summer and a winter week under every mechanism.

From the project's root, with the measured data in ``../shared/data``::

    .venv/bin/python examples/london/run.py

Further arguments go to ``gridpact run`` (``--days 1``, say). PV and batteries are assigned to the homes by a seeded draw (the
pairing file), not measured; battery power is set to half the capacity per hour. Results of each week go to
``out/london/<week>/``.
"""

import csv
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
OUT = ROOT / "out" / "london"
WEEKS = {"summer": "2013-06-17", "winter": "2013-12-09"}
POWER_PER_CAPACITY = 0.5


def write_members(path: Path) -> int:
    """Turn the pairing file into a member table; returns the number of members."""
    with (DATA / "london_pairing_pv_battery.csv").open(newline="") as source:
        homes = list(csv.DictReader(source))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as target:
        table = csv.writer(target)
        table.writerow(["id", "load", "pv", "pv_kwp", "battery_kwh", "battery_kw"])
        for home in homes:
            kwh = float(home["battery_kwh"])
            pv = [home["pv_profile"], home["pv_kwp"]] if home["pv_profile"] else ["", ""]
            table.writerow([home["household"], home["household"], *pv, kwh or "", kwh * POWER_PER_CAPACITY or ""])
    return len(homes)


def main() -> int:
    """Run both weeks; a message and exit code 0 where the data are absent."""
    if not DATA.is_dir():
        print("skipped: the measured data are not beside the project (../shared/data)")
        return 0
    count = write_members(OUT / "members.csv")
    print(f"{count} measured London homes of 2013; PV and batteries are assigned, not measured")
    for week, start in WEEKS.items():
        print(f"\n{week} week")
        command = [sys.executable, "-m", "gridpact", "run", str(Path(__file__).parent / "community.toml"), "--all"]
        command += ["--start", start, "--output", str(OUT / week), *sys.argv[1:]]
        code = subprocess.call(command)
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
