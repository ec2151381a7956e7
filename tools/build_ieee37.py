"""Write the built-in feeder `ieee37`: the balanced equivalent of the IEEE 37-bus feeder.

Facts carried over from the IEEE PES Distribution Test Feeder Working Group's 37-node feeder (W. H. Kersting, "Radial
distribution test feeders", IEEE PES Winter Meeting 2001) as published with OpenDSS: segments, lengths, impedance matrices
of the conductor codes, spot loads, coordinates. Each code is reduced to its sequence parameters: z1 is the mean of the
diagonal less the mean of the rest, z0 the mean of the diagonal plus twice the mean of the rest. A spot load is the sum
over the phases. Substation transformer and regulator are left out: bus 799 is held at 1.0 p.u. The rating of a line is
the ampacity of its aluminium conductor (Kersting, "Distribution System Modeling and Analysis", appendix A: 1,000,000 CM
698 A, 500,000 CM 483 A, 2/0 230 A, #2 156 A).

Run from the project's root: ``python tools/build_ieee37.py``.
"""

from pathlib import Path

import numpy as np

from gridpact.grid import Feeder, Lines, Transformers, write_feeder

TARGET = Path(__file__).parents[1] / "src/gridpact/data/ieee37/feeder.json"
SOURCE = (
    "IEEE PES Distribution Test Feeder Working Group, 37-node feeder, balanced positive-sequence equivalent; "
    "see tools/build_ieee37.py"
)
RATING_A = {"721": 698.0, "722": 483.0, "723": 230.0, "724": 156.0}

# per 1,000 ft: Ω of the diagonal (a, b, c) and off-diagonal (ab, ac, bc) entries of the matrices, nF to ground
RESISTANCE = {
    "721": (0.055416667, 0.050113636, 0.055416667, 0.012746212, 0.006382576, 0.012746212),
    "722": (0.089981061, 0.085, 0.089981061, 0.030852273, 0.023371212, 0.030852273),
    "723": (0.245, 0.246628788, 0.245, 0.092253788, 0.086837121, 0.092253788),
    "724": (0.396818182, 0.399015152, 0.396818182, 0.098560606, 0.093295455, 0.098560606),
}
REACTANCE = {
    "721": (0.037367424, 0.035984848, 0.037367424, -0.006969697, -0.007897727, -0.006969697),
    "722": (0.056306818, 0.050719697, 0.056306818, -0.006174242, -0.011496212, -0.006174242),
    "723": (0.127140152, 0.119810606, 0.127140152, 0.039981061, 0.028806818, 0.039981061),
    "724": (0.146931818, 0.140113636, 0.146931818, 0.051856061, 0.040208333, 0.051856061),
}
CAPACITANCE = {"721": 80.27484728, "722": 64.2184109, "723": 37.5977112, "724": 30.26701029}

# from bus, to bus, conductor code, length in 1,000 ft
SEGMENTS = """
799 701 721 1.85
701 702 722 0.96
702 705 724 0.40
702 713 723 0.36
702 703 722 1.32
703 727 724 0.24
703 730 723 0.60
704 714 724 0.08
704 720 723 0.80
705 742 724 0.32
705 712 724 0.24
706 725 724 0.28
707 724 724 0.76
707 722 724 0.12
708 733 723 0.32
708 732 724 0.32
709 731 723 0.60
709 708 723 0.32
710 735 724 0.20
710 736 724 1.28
711 741 723 0.40
711 740 724 0.20
713 704 723 0.52
714 718 724 0.52
720 707 724 0.92
720 706 723 0.60
727 744 723 0.28
730 709 723 0.20
733 734 723 0.56
734 737 723 0.64
734 710 724 0.52
737 738 723 0.40
738 711 723 0.40
744 728 724 0.20
744 729 724 0.28
"""

# bus, kW, kvar: the sum over the phases
SPOT_LOADS = """
701 630 315
712 85 40
713 85 40
714 38 18
718 85 40
720 85 40
722 161 80
724 42 21
725 42 21
727 42 21
728 126 63
729 42 21
730 85 40
731 85 40
732 42 21
733 85 40
734 42 21
735 85 40
736 42 21
737 140 70
738 126 62
740 85 40
741 42 21
742 93 44
744 42 21
"""

# bus, x, y in 1,000 ft
COORDINATES = """
799 0.00 0.01
701 0.00 -1.85
702 0.00 -2.81
703 0.00 -4.13
704 0.88 -2.81
705 -0.40 -2.81
706 1.68 -3.41
707 1.68 -1.89
708 -0.32 -4.93
709 0.00 -4.93
710 -0.84 -5.81
711 0.48 -6.45
712 -0.40 -2.57
713 0.36 -2.81
714 0.88 -2.89
718 0.88 -3.41
720 1.68 -2.81
722 1.56 -1.89
724 1.68 -1.13
725 1.68 -3.69
727 -0.24 -4.13
728 -0.52 -4.33
729 -0.80 -4.13
730 0.00 -4.73
731 0.60 -4.93
732 -0.64 -4.93
733 -0.32 -5.25
734 -0.32 -5.81
735 -0.84 -6.01
736 -0.84 -4.53
737 -0.32 -6.45
738 0.08 -6.45
740 0.48 -6.25
741 0.88 -6.45
742 -0.72 -2.81
744 -0.52 -4.13
775 0.00 -4.94
"""


def sequence(entries: tuple[float, ...], length: float) -> tuple[float, float]:
    """Positive- and zero-sequence value of a matrix given by its diagonal and its off-diagonal entries."""
    own, mutual = float(np.mean(entries[:3])), float(np.mean(entries[3:]))
    return (own - mutual) * length, (own + 2 * mutual) * length


def build() -> tuple[Feeder, np.ndarray, np.ndarray]:
    """The feeder, and kW and kvar of its spot loads by bus."""
    segments = [row.split() for row in SEGMENTS.split("\n") if row]
    loads = {row.split()[0]: row.split()[1:] for row in SPOT_LOADS.split("\n") if row}
    names = [*dict.fromkeys(bus for row in segments for bus in row[:2]), "775"]
    points = {row.split()[0]: [float(value) for value in row.split()[1:]] for row in COORDINATES.split("\n") if row}
    at = {name: position for position, name in enumerate(names)}
    codes, lengths = [row[2] for row in segments], [float(row[3]) for row in segments]
    r = np.array([sequence(RESISTANCE[code], length) for code, length in zip(codes, lengths, strict=True)])
    x = np.array([sequence(REACTANCE[code], length) for code, length in zip(codes, lengths, strict=True)])
    c = np.array([CAPACITANCE[code] * length for code, length in zip(codes, lengths, strict=True)])
    lines = Lines(
        name=tuple(f"{row[0]}-{row[1]}" for row in segments),
        from_bus=np.array([at[row[0]] for row in segments]),
        to_bus=np.array([at[row[1]] for row in segments]),
        r_ohm=r[:, 0],
        x_ohm=x[:, 0],
        c_nf=c,
        r0_ohm=r[:, 1],
        x0_ohm=x[:, 1],
        c0_nf=c.copy(),
        rating_a=np.array([RATING_A[code] for code in codes]),
    )
    feeder = Feeder(
        name="ieee37",
        bus_names=tuple(names),
        bus_kv=np.array([0.48 if name == "775" else 4.8 for name in names]),
        source_bus=at["799"],
        lines=lines,
        transformers=_xfm1(at),
        slack_pu=1.0,
        v_min_pu=0.95,
        v_max_pu=1.05,
        loading_limit=1.0,
        load_buses=np.array([at[bus] for bus in loads]),
        xy=np.array([points[name] for name in names]),
        frequency_hz=60.0,
    )
    spot = np.array([[float(value) for value in loads.get(name, (0, 0))] for name in names])
    return feeder, spot[:, 0], spot[:, 1]


def _xfm1(at: dict[str, int]) -> Transformers:
    """The 500 kVA transformer from 709 to 775, z = 0.09 % + j 1.81 %, delta to delta."""
    r, x = 0.0009, 0.0181
    return Transformers(
        name=("XFM-1",),
        hv_bus=np.array([at["709"]]),
        lv_bus=np.array([at["775"]]),
        hv_kv=np.array([4.8]),
        lv_kv=np.array([0.48]),
        rated_kva=np.array([500.0]),
        uk=np.array([float(np.hypot(r, x))]),
        pk_kw=np.array([r * 500.0]),
        i0=np.array([0.0]),
        p0_kw=np.array([0.0]),
        ratio=np.array([1.0]),
        clock=np.array([0]),
        hv_winding=("D",),
        lv_winding=("D",),
    )


if __name__ == "__main__":
    feeder, spot_kw, spot_kvar = build()
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    write_feeder(TARGET, feeder, source=SOURCE, spot_loads=(spot_kw, spot_kvar))
    print(f"{TARGET}: {len(feeder.bus_names)} buses, {spot_kw.sum():.0f} kW, {spot_kvar.sum():.0f} kvar")
