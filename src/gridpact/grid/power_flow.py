"""AC power flow of many scenarios at once, symmetric or per phase, by power-grid-model.

The source is an ideal voltage behind a negligible impedance, loads are constant power, lines and transformers are pi
equivalents. A batch is solved by the current iteration, whose matrix is factorised once for all scenarios. Where it does
not converge, close to the nose of the curve, Newton's method solves the same equations. Losses are what the head delivers
minus what the buses draw.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from power_grid_model import (
    CalculationMethod,
    ComponentType,
    DatasetType,
    LoadGenType,
    PowerGridModel,
    WindingType,
    initialize_array,
)
from power_grid_model.errors import PowerGridBatchError, PowerGridError

from gridpact.errors import PowerFlowError
from gridpact.grid.feeder import Feeder
from gridpact.grid.flow import Flow
from gridpact.grid.topology import check_fed
from gridpact.units import FloatArray

_SOURCE_VA = 1e15
_TOLERANCE_PU = 1e-10
_METHODS = ((CalculationMethod.iterative_current, 100), (CalculationMethod.newton_raphson, 50))
_WINDINGS = {
    "D": WindingType.delta,
    "Y": WindingType.wye,
    "YN": WindingType.wye_n,
    "Z": WindingType.zigzag,
    "ZN": WindingType.zigzag_n,
}


def power_flow(feeder: Feeder, p_kw: FloatArray, q_kvar: FloatArray, *, threads: int = 1) -> Flow:
    """AC power flow of a balanced feeder.

    Parameters
    ----------
    feeder
        The feeder; meshed is fine.
    p_kw, q_kvar
        Three-phase power drawn at each bus, ``[scenario, bus]``, + = consumption.
    threads
        Threads that share the scenarios.

    Raises
    ------
    PowerFlowError
        If a scenario has no solution (it is named) or a bus is not connected with the source.

    Examples
    --------
    >>> import numpy as np
    >>> from gridpact.grid import load_feeder, spot_loads
    >>> p_kw, q_kvar = spot_loads("ieee37")
    >>> flow = power_flow(load_feeder("ieee37"), p_kw[None], q_kvar[None])
    >>> print(f"{flow.head_kw[0]:.1f} kW, {flow.losses_kw[0]:.1f} kW of losses")
    2515.7 kW, 58.7 kW of losses
    """
    return PowerFlow(feeder, threads=threads).run(p_kw, q_kvar)


def power_flow_per_phase(feeder: Feeder, p_kw: FloatArray, q_kvar: FloatArray, *, threads: int = 1) -> Flow:
    """AC power flow phase by phase, loads between phase and neutral.

    Parameters
    ----------
    feeder
        The feeder; its zero-sequence parameters matter here.
    p_kw, q_kvar
        Power drawn at each bus and phase, ``[scenario, bus, 3]``, + = consumption.
    threads
        Threads that share the scenarios.

    Raises
    ------
    PowerFlowError
        As for `power_flow`.
    """
    return PowerFlow(feeder, threads=threads).run_per_phase(p_kw, q_kvar)


class PowerFlow:
    """Power flow of one feeder whose model is built once and used many times.

    Parameters
    ----------
    feeder
        The feeder.
    threads
        Threads that share the scenarios of a call.
    values_per_chunk
        Scenarios are solved in chunks of about so many bus values, which bounds the memory beside the result.

    Raises
    ------
    PowerFlowError
        If a bus is not connected with the source.
    """

    def __init__(self, feeder: Feeder, *, threads: int = 1, values_per_chunk: int = 1_000_000) -> None:
        check_fed(feeder)
        self.feeder, self.threads, self.values_per_chunk = feeder, threads, values_per_chunk

    def run(self, p_kw: FloatArray, q_kvar: FloatArray) -> Flow:
        """Symmetric flow; parameters as for `power_flow`."""
        return self._solve(self._symmetric, p_kw, q_kvar, per_phase=False)

    def run_per_phase(self, p_kw: FloatArray, q_kvar: FloatArray) -> Flow:
        """Flow per phase; parameters as for `power_flow_per_phase`."""
        return self._solve(self._per_phase, p_kw, q_kvar, per_phase=True)

    @cached_property
    def _symmetric(self) -> PowerGridModel:
        return _model(self.feeder, ComponentType.sym_load)

    @cached_property
    def _per_phase(self) -> PowerGridModel:
        return _model(self.feeder, ComponentType.asym_load)

    def _solve(self, model: PowerGridModel, p_kw: FloatArray, q_kvar: FloatArray, *, per_phase: bool) -> Flow:
        feeder = self.feeder
        shape = (len(p_kw), len(feeder.bus_names), *((3,) if per_phase else ()))
        for name, values in (("p_kw", p_kw), ("q_kvar", q_kvar)):
            if values.shape != shape:
                raise ValueError(f"{name} has shape {values.shape}, expected {shape}")
            if not np.isfinite(values).all():
                raise ValueError(f"{name} has values that are not finite")
        flow = Flow(
            np.empty(shape),
            np.zeros((shape[0], len(feeder.branch_names))),
            np.empty(shape[0]),
            np.empty(shape[0]),
            np.empty(shape[0]),
        )
        for part in _chunks(shape[0], max(1, self.values_per_chunk // int(np.prod(shape[1:])))):
            _fill(flow, part, feeder, self._outputs(model, p_kw[part], q_kvar[part], part.start))
        flow.losses_kw[:] = flow.head_kw - p_kw.sum(axis=tuple(range(1, p_kw.ndim)))
        return flow

    def _outputs(self, model: PowerGridModel, p_kw: FloatArray, q_kvar: FloatArray, first: int) -> Any:
        per_phase = p_kw.ndim == 3
        load = ComponentType.asym_load if per_phase else ComponentType.sym_load
        update = {
            "p_specified": np.ascontiguousarray(p_kw * 1e3),
            "q_specified": np.ascontiguousarray(q_kvar * 1e3),
        }
        wanted: dict[ComponentType, Any] = {
            ComponentType.node: ["u_pu"],
            ComponentType.source: ["p", "q"],
            ComponentType.line: ["loading"],
            ComponentType.transformer: ["s_from", "s_to"],
        }
        failure: PowerGridError | None = None
        for method, iterations in _METHODS:
            try:
                return model.calculate_power_flow(
                    symmetric=not per_phase,
                    update_data={load: update},
                    threading=self.threads if self.threads > 1 else -1,
                    output_component_types=wanted,
                    calculation_method=method,
                    max_iterations=iterations,
                    error_tolerance=_TOLERANCE_PU,
                )
            except PowerGridError as error:
                failure = error
        if isinstance(failure, PowerGridBatchError):
            raise PowerFlowError(_explain(self.feeder, failure, p_kw, q_kvar, first)) from failure
        raise PowerFlowError(f"feeder {self.feeder.name!r} cannot be solved: {_first_line(failure)}") from failure


def _model(feeder: Feeder, load_type: ComponentType) -> PowerGridModel:
    """The model with a load at every bus, in the order of the buses."""
    buses, lines, units = len(feeder.bus_names), feeder.lines, feeder.transformers
    first = np.cumsum([0, buses, len(lines.name), len(units.name), 1])
    node = _table(ComponentType.node, buses, first[0], u_rated=feeder.bus_kv * 1e3)
    line = _table(
        ComponentType.line,
        len(lines.name),
        first[1],
        from_node=lines.from_bus,
        to_node=lines.to_bus,
        from_status=1,
        to_status=1,
        r1=lines.r_ohm,
        x1=lines.x_ohm,
        c1=lines.c_nf * 1e-9,
        tan1=0.0,
        r0=lines.r0_ohm,
        x0=lines.x0_ohm,
        c0=lines.c0_nf * 1e-9,
        tan0=0.0,
        i_n=lines.rating_a,
    )
    source = _table(
        ComponentType.source,
        1,
        first[3],
        node=feeder.source_bus,
        status=1,
        u_ref=feeder.slack_pu,
        sk=_SOURCE_VA,
    )
    load = _table(
        load_type,
        buses,
        first[4],
        node=np.arange(buses),
        status=1,
        type=LoadGenType.const_power,
        p_specified=0.0,
        q_specified=0.0,
    )
    parts = {ComponentType.node: node, ComponentType.line: line, ComponentType.source: source, load_type: load}
    if units.name:
        parts[ComponentType.transformer] = _transformers(feeder, first[2])
    try:
        return PowerGridModel(parts, system_frequency=feeder.frequency_hz)
    except PowerGridError as error:
        raise PowerFlowError(f"feeder {feeder.name!r} cannot be modelled: {_first_line(error)}") from error


def _transformers(feeder: Feeder, first: int) -> npt.NDArray[Any]:
    """Transformers; the tap is part of the high side's rated voltage, the series impedance refers to the low side."""
    units = feeder.transformers
    return _table(
        ComponentType.transformer,
        len(units.name),
        first,
        from_node=units.hv_bus,
        to_node=units.lv_bus,
        from_status=1,
        to_status=1,
        u1=units.hv_kv * units.ratio * 1e3,
        u2=units.lv_kv * 1e3,
        sn=units.rated_kva * 1e3,
        uk=units.uk,
        pk=units.pk_kw * 1e3,
        i0=units.i0,
        p0=units.p0_kw * 1e3,
        winding_from=[_WINDINGS[winding] for winding in units.hv_winding],
        winding_to=[_WINDINGS[winding] for winding in units.lv_winding],
        clock=units.clock,
        tap_side=0,
        tap_pos=0,
        tap_min=0,
        tap_max=0,
        tap_size=0.0,
    )


def _table(kind: ComponentType, size: int, first_id: int, **columns: Any) -> npt.NDArray[Any]:
    table: npt.NDArray[Any] = initialize_array(DatasetType.input, kind, size)
    table["id"] = first_id + np.arange(size)
    for name, values in columns.items():
        table[name] = values
    return table


def _chunks(scenarios: int, step: int) -> Iterator[slice]:
    for start in range(0, scenarios, step):
        yield slice(start, min(start + step, scenarios))


def _fill(flow: Flow, part: slice, feeder: Feeder, outputs: Any) -> None:
    """Write what power-grid-model returned for a slice of the scenarios."""
    per_phase = flow.v_pu.ndim == 3
    lines, units = len(feeder.lines.name), feeder.transformers
    flow.v_pu[part] = outputs["node"]["u_pu"]
    if lines:
        flow.loading[part, :lines] = outputs["line"]["loading"]
    if units.name:
        apparent = np.maximum(outputs["transformer"]["s_from"], outputs["transformer"]["s_to"])
        worst = 3 * apparent.max(axis=2) if per_phase else apparent
        flow.loading[part, lines:] = worst / (units.rated_kva * 1e3)
    for target, name in ((flow.head_kw, "p"), (flow.head_kvar, "q")):
        source = outputs["source"][name][:, 0]
        target[part] = (source.sum(axis=1) if per_phase else source) / 1e3


def _explain(feeder: Feeder, error: PowerGridBatchError, p_kw: FloatArray, q_kvar: FloatArray, first: int) -> str:
    """Which scenario failed, what it asked for, and what the solver says."""
    failed = np.sort(error.failed_scenarios)
    at = int(failed[0])
    bus_kw = p_kw[at] if p_kw.ndim == 2 else p_kw[at].sum(axis=1)
    largest = int(np.abs(bus_kw).argmax())
    reason = _first_line(error.error_messages[int(np.argmin(error.failed_scenarios))])
    return (
        f"feeder {feeder.name!r}: no power flow solution in scenario {first + at} ({len(failed)} of the "
        f"{len(p_kw)} scenarios from {first} on failed): {p_kw[at].sum():.6g} kW and {q_kvar[at].sum():.6g} kvar drawn in all, "
        f"most of it {bus_kw[largest]:.6g} kW at bus {feeder.bus_names[largest]!r}; {reason}"
    )


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0]
