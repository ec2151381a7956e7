"""OpenDSS as the reference: IEEE 37 as a balanced circuit, the European low-voltage feeder phase by phase.

OpenDSS reads its own files; the parameters of its elements build the `Feeder`. It reports convergence of a dead network
too, so every solution is checked to be energised.
"""

import tarfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from grid.feeders import make_transformer
from gridpact.grid import Feeder, Lines, load_feeder, power_flow, power_flow_per_phase, spot_loads

CONSTANT_POWER = "model=1 vminpu=0.3 vmaxpu=1.7"
MINUTES = (0, 400, 565, 800, 1200)


@pytest.fixture
def opendss():
    """An empty OpenDSS that leaves the working directory alone."""
    dss = pytest.importorskip("dss").DSS
    dss.AllowChangeDir = False
    dss.Text.Command = "clear"
    dss.Text.Command = "set defaultbasefrequency=60"
    return dss


def run(dss, *commands: str) -> None:
    for command in commands:
        dss.Text.Command = command


def solve(dss) -> None:
    dss.ActiveCircuit.Solution.Solve()
    assert dss.ActiveCircuit.Solution.Converged
    assert min(dss.ActiveCircuit.AllBusVmagPu) > 0.5, "the network is dead"


def balanced_circuit(dss, feeder: Feeder, p_kw, q_kvar) -> None:
    """The balanced feeder as an OpenDSS circuit with sequence parameters and balanced loads."""
    names, kv = feeder.bus_names, feeder.bus_kv
    run(
        dss,
        f"new circuit.balanced bus1={names[feeder.source_bus]} basekv=4.8 pu={feeder.slack_pu} r1=0 x1=1e-8 r0=0 x0=1e-8",
    )
    lines = feeder.lines
    values = [
        column.tolist() for column in (lines.r_ohm, lines.x_ohm, lines.c_nf, lines.r0_ohm, lines.x0_ohm, lines.c0_nf)
    ]
    for at, (name, r1, x1, c1, r0, x0, c0) in enumerate(zip(lines.name, *values, strict=True)):
        run(
            dss,
            f"new line.{name} phases=3 bus1={names[lines.from_bus[at]]} bus2={names[lines.to_bus[at]]} length=1 "
            f"r1={r1!r} x1={x1!r} c1={c1!r} r0={r0!r} x0={x0!r} c0={c0!r}",
        )
    run(
        dss,
        "new transformer.xfm1 phases=3 windings=2 xhl=1.81 buses=(709 775) conns=(delta delta) kvs=(4.8 0.48) kvas=(500 500) "
        "%rs=(0.045 0.045) ppm_antifloat=0.001",
    )
    for at in np.flatnonzero(p_kw):
        run(
            dss,
            f"new load.at{names[at]} phases=3 bus1={names[at]} kv={kv[at]} kw={p_kw[at]} kvar={q_kvar[at]} {CONSTANT_POWER}",
        )
    run(dss, "set voltagebases=[4.8 0.48]", "calcvoltagebases", "set tolerance=1e-11", "set maxiterations=500")
    solve(dss)


def test_the_ieee_37_bus_feeder_agrees_as_a_balanced_circuit(opendss):
    feeder, (p_kw, q_kvar) = load_feeder("ieee37"), spot_loads("ieee37")
    balanced_circuit(opendss, feeder, p_kw, q_kvar)
    flow = power_flow(feeder, p_kw[None], q_kvar[None])
    circuit = opendss.ActiveCircuit
    volts = dict(zip(circuit.AllNodeNames, np.reshape(circuit.AllBusVolts, (-1, 2)) @ [1, 1j], strict=True))
    turn = np.exp(2j * np.pi / 3)  # the positive sequence: 775 hangs from delta to delta, its neutral floats
    theirs = [abs(sum(volts[f"{name}.{k + 1}"] * turn**k for k in range(3))) / 3 for name in feeder.bus_names]
    assert np.abs(flow.v_pu[0] - np.array(theirs) / (1e3 * feeder.bus_kv / np.sqrt(3))).max() < 1e-7
    assert flow.losses_kw[0] == pytest.approx(circuit.Losses[0] / 1e3, abs=1e-3)
    assert flow.head_kw[0] == pytest.approx(-circuit.TotalPower[0], abs=1e-3)
    assert flow.head_kvar[0] == pytest.approx(-circuit.TotalPower[1], abs=1e-3)


def native_ieee37(dss, shared_data):
    run(dss, f"redirect {shared_data / 'grid' / 'ieee37' / 'ieee37.dss'}")
    solve(dss)
    return dss.ActiveCircuit


def test_lines_and_loads_of_the_builtin_ieee_37_bus_feeder_are_those_of_the_published_file(opendss, shared_data):
    circuit = native_ieee37(opendss, shared_data)
    feeder, (p_kw, q_kvar) = load_feeder("ieee37"), spot_loads("ieee37")
    published = {}
    lines, codes = circuit.Lines, circuit.LineCodes
    for _ in lines:
        if lines.Name != "jumper":
            ends, length, code = (lines.Bus1, lines.Bus2), lines.Length, lines.LineCode
            codes.Name = code
            matrices = (np.reshape(values, (3, 3)) * length for values in (codes.Rmatrix, codes.Xmatrix, codes.Cmatrix))
            names = [end.split(".")[0].removesuffix("r") for end in ends]
            published["-".join(names)] = [value for matrix in matrices for value in sequence(matrix)]
    own = feeder.lines
    ours = np.stack([own.r_ohm, own.r0_ohm, own.x_ohm, own.x0_ohm, own.c_nf, own.c0_nf], axis=1)
    assert set(own.name) == set(published)
    assert ours == pytest.approx(np.array([published[name] for name in own.name]), rel=1e-9)

    drawn = {name: np.zeros(2) for name in feeder.bus_names}
    for _ in circuit.Loads:
        bus = circuit.ActiveCktElement.BusNames[0].split(".")[0]
        drawn[bus] += circuit.Loads.kW, circuit.Loads.kvar
    assert np.stack([p_kw, q_kvar], axis=1) == pytest.approx(np.stack(list(drawn.values())))


def sequence(matrix) -> tuple[float, float]:
    """Positive- and zero-sequence value of a phase matrix, by the transformation of symmetrical components."""
    a = np.exp(2j * np.pi / 3)
    transform = np.array([[1, 1, 1], [1, a**2, a], [1, a, a**2]])
    components = np.linalg.inv(transform) @ matrix @ transform
    return components[1, 1].real, components[0, 0].real


def test_the_native_unbalanced_ieee_37_bus_feeder_is_where_it_is_published_and_near_the_balanced_one(
    opendss, shared_data
):
    circuit = native_ieee37(opendss, shared_data)
    assert -circuit.TotalPower[0] == pytest.approx(2588, abs=1)
    assert circuit.Losses[0] / 1e3 == pytest.approx(152, abs=1)
    p_kw, q_kvar = spot_loads("ieee37")
    balanced = power_flow(load_feeder("ieee37"), p_kw[None], q_kvar[None])
    assert balanced.losses_kw[0] == pytest.approx(circuit.LineLosses[0], rel=0.1)


@pytest.fixture
def european(opendss, shared_data, tmp_path):
    """The European low-voltage feeder as its authors wrote it, with constant power loads and no help against floating nodes."""
    folder = tmp_path / "european_lv"
    folder.mkdir()
    for file in (shared_data / "grid" / "european_lv").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    with tarfile.open(folder / "Daily_1min_100profiles.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    run(opendss, f"redirect {folder / 'Master.dss'}")
    run(opendss, f"batchedit load..* {CONSTANT_POWER}", "transformer.tr1.ppm_antifloat=0")
    run(opendss, "set tolerance=1e-11", "set maxiterations=500")
    return opendss


def european_feeder(dss) -> Feeder:
    """The feeder from OpenDSS's element parameters; the impedance of its source is a line from an ideal bus."""
    circuit = dss.ActiveCircuit
    names = ["ideal", *circuit.AllBusNames]
    at = {name: position for position, name in enumerate(names)}
    circuit.SetActiveElement("Vsource.source")
    source = [float(circuit.ActiveCktElement.Properties(name).Val) for name in ("R1", "X1", "R0", "X0")]
    rows = [("source", "ideal", "sourcebus", *source)]
    lines = circuit.Lines
    for _ in lines:
        bus1, bus2 = (bus.split(".")[0] for bus in (lines.Bus1, lines.Bus2))
        rows.append(
            (lines.Name, bus1, bus2, *(value * lines.Length for value in (lines.R1, lines.X1, lines.R0, lines.X0)))
        )
        assert lines.C1 == 0
    table = pd.DataFrame(rows, columns=["name", "from", "to", "r", "x", "r0", "x0"])
    return Feeder(
        name="European LV",
        bus_names=tuple(names),
        bus_kv=np.where(np.isin(names, ["ideal", "sourcebus"]), 11.0, 0.416),
        source_bus=0,
        lines=Lines(
            name=tuple(table.name),
            from_bus=table["from"].map(at).to_numpy(dtype=np.int64, copy=True),
            to_bus=table["to"].map(at).to_numpy(dtype=np.int64, copy=True),
            r_ohm=table.r.to_numpy(copy=True),
            x_ohm=table.x.to_numpy(copy=True),
            c_nf=np.zeros(len(table)),
            r0_ohm=table.r0.to_numpy(copy=True),
            x0_ohm=table.x0.to_numpy(copy=True),
            c0_nf=np.zeros(len(table)),
            rating_a=np.full(len(table), np.inf),
        ),
        transformers=make_transformer(
            at["sourcebus"],
            at["1"],
            hv_kv=np.array([11.0]),
            lv_kv=np.array([0.416]),
            rated_kva=np.array([800.0]),
            uk=np.array([np.hypot(0.004, 0.04)]),
            pk_kw=np.array([0.004 * 800]),
            clock=np.array([1]),
        ),
        slack_pu=1.05,
        v_min_pu=0.9,
        v_max_pu=1.1,
        loading_limit=1.0,
        load_buses=np.arange(1, len(names)),
        xy=np.full((len(names), 2), np.nan),
    )


def test_the_european_feeder_agrees_phase_by_phase_over_the_day(european, shared_data):
    feeder = european_feeder(european)
    circuit = european.ActiveCircuit
    position = {name: at for at, name in enumerate(feeder.bus_names)}
    profiles = pd.read_parquet(shared_data / "european_lv_1day_1min_100loads_pu.parquet").to_numpy()
    shape = (len(MINUTES), len(feeder.bus_names), 3)
    p_kw, q_kvar, theirs = np.zeros(shape), np.zeros(shape), np.full(shape, np.nan)
    head_kw = []
    for row, minute in enumerate(MINUTES):
        for _ in circuit.Loads:
            kw = float(profiles[minute, int(circuit.Loads.Yearly.removeprefix("shape_")) - 1])
            kvar = kw * np.tan(np.arccos(0.95))
            circuit.Loads.kW, circuit.Loads.kvar = kw, kvar
            bus, phase = circuit.ActiveCktElement.BusNames[0].split(".")
            p_kw[row, position[bus], int(phase) - 1] += kw
            q_kvar[row, position[bus], int(phase) - 1] += kvar
        solve(european)
        for node, volts in zip(circuit.AllNodeNames, circuit.AllBusVmag, strict=True):
            bus, phase = node.split(".")
            theirs[row, position[bus], int(phase) - 1] = volts / (1e3 * feeder.bus_kv[position[bus]] / np.sqrt(3))
        head_kw.append(-circuit.TotalPower[0])

    assert (len(circuit.AllBusNames), circuit.Loads.Count) == (907, 55)
    assert p_kw[MINUTES.index(565)].sum() == pytest.approx(57.358, abs=1e-3)
    flow = power_flow_per_phase(feeder, p_kw, q_kvar)
    assert np.abs(flow.v_pu[:, 1:] - theirs[:, 1:]).max() < 1e-6
    source_loss = flow.head_kw - np.array(head_kw)
    assert (np.abs(source_loss) < 0.02).all()
    assert np.nanmin(theirs[MINUTES.index(565)]) < 1.0


def test_the_clock_number_of_the_european_transformer_matters(european):
    """Loads on one phase see the source impedance through the winding connection: with Dyn11 the flow would differ."""
    feeder = european_feeder(european)
    p_kw = np.zeros((1, len(feeder.bus_names), 3))
    p_kw[0, feeder.bus_position("34"), 0] = 20.0
    right = power_flow_per_phase(feeder, p_kw, 0.3 * p_kw)
    turned = replace(feeder, transformers=replace(feeder.transformers, clock=np.array([11])))
    wrong = power_flow_per_phase(turned, p_kw, 0.3 * p_kw)
    high = feeder.bus_position("sourcebus")
    assert np.abs(right.v_pu[0, high] - wrong.v_pu[0, high]).max() > 1e-5
