"""Results as files: ``summary.json`` and the tables of trades, bills, parties, grid and violations."""

import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gridpact.exchange.acceptance import Cause
from gridpact.grid import ViolationKind, find_violations
from gridpact.study.compare import Replication
from gridpact.study.result import CommunityMetrics, Comparison, Run
from gridpact.study.simulate import Settings
from gridpact.units import IntArray

SUMMARY_SCHEMA_VERSION = 1

SEEDS = "seeds.parquet"
ENERGIES = ("metered", "bought", "sold", "imported", "exported", "short", "unused")


class CheckSummary(msgspec.Struct, frozen=True):
    """One check of a certificate; ``tolerance`` is null for numbers that are reported and not claimed."""

    name: str
    value: float
    tolerance: float | None
    passed: bool


class MemberSummary(msgspec.Struct, frozen=True):
    """One member under one mechanism; null where a share is undefined."""

    id: str
    bill: float
    saving: float
    self_sufficiency: float | None
    self_consumption: float | None
    reliability: float | None


class RunSummary(msgspec.Struct, frozen=True):
    """One mechanism; ``metrics`` by the names of ``docs/metrics.md``, null where undefined."""

    mechanism: str
    metrics: dict[str, float | None]
    members: list[MemberSummary]
    certificate: list[CheckSummary]
    certified: bool
    seconds: float
    cpu_seconds: float


class Summary(msgspec.Struct, frozen=True):
    """The whole of ``summary.json``."""

    schema_version: int
    gridpact_version: str
    community: str
    currency: str
    feeder: str
    start: str
    step_minutes: float
    intervals: int
    members: int
    forecast: str
    seed: int
    gate_closure_minutes: float
    runs: list[RunSummary]


def summarise(comparison: Comparison, settings: Settings) -> Summary:
    """Everything of a comparison that is one number or one number a member."""
    from gridpact import __version__

    community = comparison.community
    return Summary(
        schema_version=SUMMARY_SCHEMA_VERSION,
        gridpact_version=__version__,
        community=community.name,
        currency=community.currency,
        feeder=community.feeder.name,
        start=community.horizon.start.isoformat(),
        step_minutes=community.horizon.hours * 60,
        intervals=community.horizon.periods,
        members=len(community.members),
        forecast=settings.forecast,
        seed=settings.seed,
        gate_closure_minutes=settings.gate_closure.total_seconds() / 60,
        runs=[_summarise_run(run, community.member_ids) for run in comparison.runs],
    )


def write_results(comparison: Comparison, settings: Settings, folder: Path) -> list[Path]:
    """Write the summary and the tables into a folder, which is made if need be.

    Returns
    -------
    list of Path
        The files written. Their columns are documented in ``docs/output.md``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    summary = folder / "summary.json"
    summary.write_bytes(msgspec.json.format(msgspec.json.encode(summarise(comparison, settings)), indent=2) + b"\n")
    (folder / SEEDS).unlink(missing_ok=True)  # of an earlier comparison: it would not belong to these results
    written = [summary]
    for name, build in TABLES.items():
        written.append(folder / f"{name}.parquet")
        _write_table(written[-1], ((run.mechanism, part) for run in comparison.runs for part in build(run, comparison)))
    return written


def _write_table(path: Path, parts: Iterable[tuple[str, Any]]) -> None:
    """Write parts of a table one after the other, so that no table is whole in memory."""
    with ExitStack() as stack:
        writer = None
        for mechanism, part in parts:
            label = pa.DictionaryArray.from_arrays(np.zeros(len(part), np.int32), pa.array([mechanism]))
            table = part.add_column(0, "mechanism", label)
            writer = writer or stack.enter_context(pq.ParquetWriter(path, table.schema, compression="zstd"))
            writer.write_table(table)


def _summarise_run(run: Run, ids: tuple[str, ...]) -> RunSummary:
    members = run.members
    return RunSummary(
        mechanism=run.mechanism,
        metrics={name: _number(getattr(run.community, name)) for name in CommunityMetrics.__dataclass_fields__},
        members=[
            MemberSummary(
                id=ids[m],
                bill=float(members.bill[m]),
                saving=float(members.saving[m]),
                self_sufficiency=_number(members.self_sufficiency[m]),
                self_consumption=_number(members.self_consumption[m]),
                reliability=_number(members.reliability[m]),
            )
            for m in range(len(ids))
        ],
        certificate=[
            CheckSummary(c.name, float(c.value), float(c.tolerance) if c.claimed else None, c.passed)
            for c in run.certificate.checks
        ],
        certified=run.certificate.passed,
        seconds=run.seconds,
        cpu_seconds=run.cpu_seconds,
    )


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _trades(run: Run, comparison: Comparison) -> Iterator[Any]:
    trades, ids = run.pact.trades, comparison.community.member_ids
    yield pa.table(
        {
            "time_utc": _times(comparison).take(pa.array(trades.interval)),
            "seller": _names(trades.seller, ids),
            "buyer": _names(trades.buyer, ids),
            "energy_wh": trades.energy_wh,
            "price_micro_per_kwh": trades.price,
            "payment_micro": trades.payments(),
        }
    )


def _bills(run: Run, comparison: Comparison) -> Iterator[Any]:
    ids, times, first = comparison.community.member_ids, _times(comparison), 0
    for part in run.settlement.windows():
        causes = part.causes()
        member, interval = (axis.ravel() for axis in np.indices(part.trades.shape))
        yield pa.table(
            {
                "time_utc": times.take(pa.array(first + interval)),
                "member": _names(member, ids),
                **{f"{name}_wh": getattr(part.energies, name).ravel() for name in ENERGIES},
                **{f"{name}_micro": amount.ravel() for name, amount in causes.items()},
                "bill_micro": np.sum(list(causes.values()), axis=0).ravel(),
            }
        )
        first += part.trades.shape[1]


def _parties(run: Run, comparison: Comparison) -> Iterator[Any]:
    settlement = run.settlement
    yield pa.table(
        {
            "time_utc": _times(comparison),
            "members_micro": np.concatenate([part.bills.sum(axis=0) for part in settlement.windows()]),
            "supplier_micro": settlement.supplier,
            "dso_micro": settlement.dso,
            "exchange_micro": settlement.exchange,
            "loss_wh": settlement.loss_wh,
        }
    )


def _grid(run: Run, comparison: Comparison) -> Iterator[Any]:
    flow, feeder = run.flow, comparison.community.feeder
    rows, buses = np.arange(len(flow.head_kw)), np.delete(np.arange(len(feeder.bus_names)), feeder.source_bus)
    lowest, highest = buses[flow.v_low[:, buses].argmin(axis=1)], buses[flow.v_high[:, buses].argmax(axis=1)]
    fullest = flow.loading.argmax(axis=1)
    yield pa.table(
        {
            "time_utc": _times(comparison),
            "head_kw": flow.head_kw,
            "head_kvar": flow.head_kvar,
            "losses_kw": flow.losses_kw,
            "v_min_pu": flow.v_low[rows, lowest],
            "v_min_bus": _names(lowest, feeder.bus_names),
            "v_max_pu": flow.v_high[rows, highest],
            "v_max_bus": _names(highest, feeder.bus_names),
            "loading_max": flow.loading[rows, fullest],
            "loading_max_branch": _names(fullest, feeder.branch_names),
        }
    )


def _violations(run: Run, comparison: Comparison) -> Iterator[Any]:
    feeder = comparison.community.feeder
    found = find_violations(feeder, run.flow)
    kinds = tuple(kind.name.lower() for kind in ViolationKind)
    elements = feeder.bus_names + feeder.branch_names
    branch = found.kind == ViolationKind.OVERLOAD
    yield pa.table(
        {
            "time_utc": _times(comparison).take(pa.array(found.scenario)),
            "kind": _names(found.kind, kinds),
            "element": _names(found.element + branch * len(feeder.bus_names), elements),
            "value": found.value,
            "limit": found.limit,
        }
    )


def _reductions(run: Run, comparison: Comparison) -> Iterator[Any]:
    named = (*comparison.community.member_ids, "supplier")
    rows = [(each.interval, reduction) for each in run.decided for reduction in each.acceptance.reductions]
    places = comparison.community.feeder.bus_names + comparison.community.feeder.branch_names + ("",)
    causes = tuple(Cause)
    interval = np.array([at for at, _ in rows], dtype=np.int64)
    yield pa.table(
        {
            "time_utc": _times(comparison).take(pa.array(interval)),
            "seller": _names(np.array([r.seller for _, r in rows], dtype=np.int64) % len(named), named),
            "buyer": _names(np.array([r.buyer for _, r in rows], dtype=np.int64) % len(named), named),
            "from_wh": np.array([r.from_wh for _, r in rows], dtype=np.int64),
            "to_wh": np.array([r.to_wh for _, r in rows], dtype=np.int64),
            "cause": _names(np.array([causes.index(r.reason.cause) for _, r in rows], dtype=np.int64), causes),
            "element": _names(np.array([places.index(r.reason.element) for _, r in rows], dtype=np.int64), places),
            "before": np.array([r.before for _, r in rows], dtype=np.float64),
            "after": np.array([r.after for _, r in rows], dtype=np.float64),
        }
    )


def _times(comparison: Comparison) -> Any:
    return pa.array(comparison.community.horizon.index())


TABLES = {
    "trades": _trades,
    "bills": _bills,
    "parties": _parties,
    "grid": _grid,
    "violations": _violations,
    "reductions": _reductions,
}
"""The Parquet files of a run and what yields their parts, each mechanism's after the other's."""


def _names(positions: IntArray, names: tuple[str, ...]) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array(positions.astype(np.int32)), pa.array(names, pa.string()))


def write_replication(replication: Replication, folder: Path) -> Path:
    """Write every metric of every mechanism and seed as ``seeds.parquet``, one row a mechanism and seed."""
    path = folder / SEEDS
    mechanism, seed = (axis.ravel() for axis in np.indices((len(replication.mechanisms), len(replication.seeds))))
    columns = {name: values.ravel() for name, values in replication.values.items()}
    table = {
        "mechanism": _names(mechanism, replication.mechanisms),
        "seed": np.array(replication.seeds)[seed],
        **columns,
    }
    pq.write_table(pa.table(table), path, compression="zstd")
    return path
