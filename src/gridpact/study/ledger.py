"""The ledger of a study: what a run's parties would have signed, written as an export that `gridpact verify` accepts.

All parties of a study live in one process, which draws their keys and forgets them. So such a ledger shows the format, and
that every outcome follows from what went in; that nobody rewrote it, only independent parties can vouch for.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from gridpact.community import Community
from gridpact.exchange.acceptance import Policy
from gridpact.exchange.proof.accepted import decided_columns
from gridpact.exchange.proof.area import opening, to_ms, to_text
from gridpact.exchange.proof.grid import network_body
from gridpact.exchange.proof.tables import (
    bills_columns,
    book_of,
    claims_of,
    order_seed,
    orders_columns,
    pact_columns,
    totals_of,
)
from gridpact.exchange.proof.words import (
    DSO,
    EXCHANGE,
    HEAD_METER,
    STATEMENTS,
    SUPPLIER,
    AcceptedBody,
    Body,
    ClearingBody,
    GateBody,
    OrdersTable,
    ReadingsBody,
    SettlementBody,
    member_key,
    messages,
    meter_key,
)
from gridpact.ledger import Directory, Entropy, ExportWriter, Header, Log, SigningKey, View, Witness, encode, new_log
from gridpact.ledger import to_text as bytes_to_text
from gridpact.markets import Book, Gate, Market, Mechanism, Memory, OrderMechanism, Outlook, Pact, StatedMechanism
from gridpact.study.result import Baseline, Run
from gridpact.study.simulate import Settings, simulate
from gridpact.units import IntArray, to_wh

EXPORT = "ledger.export"
KEYS = "ledger.keys"
SETTLED_AFTER = timedelta(days=1)
QUORUM = 2
"""Of three witnesses: DSO, supplier, and the first member."""


@dataclass(frozen=True, eq=False)
class Cleared:
    """What a gate saw and made.

    Attributes
    ----------
    start, intervals
        Which intervals its outlook had, by the start of the first in ms.
    orders, seed
        The orders by member and what broke their ties; None and empty without orders.
    statements
        What the members stated, a row a member; None where nothing of it is logged.
    pact
        What came of it.
    """

    start: int
    intervals: int
    orders: dict[str, list[Any]] | None
    seed: str
    statements: Mapping[str, IntArray] | None
    pact: Pact


@dataclass(eq=False)
class Witnessed:
    """A mechanism that is watched at its gates; books are matched with the seed that their orders give."""

    market: Mechanism
    gates: list[Cleared] = field(default_factory=list)

    @property
    def name(self) -> str:
        """That of the mechanism."""
        return self.market.name

    @property
    def gate(self) -> Gate:
        """That of the mechanism; gates come one by one, as they do live."""
        return replace(self.market.gate, carries_memory=True)

    def clear(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> tuple[Pact, Memory]:
        """Clear, and remember what went in and came out."""
        market, start, intervals = self.market, to_ms(outlook.horizon.start), outlook.horizon.periods
        if isinstance(market, OrderMechanism):
            return market.clear_by(outlook, memory, rng, lambda book: self._match(market, book, outlook))
        statements = None
        if isinstance(market, StatedMechanism):
            pact, memory, statements = market.clear_stated(outlook, memory, rng)
        else:
            pact, memory = market.clear(outlook, memory, rng)
        self.gates.append(Cleared(start, intervals, None, "", statements, pact))
        return pact, memory

    def _match(self, market: OrderMechanism, book: Book, outlook: Outlook) -> Pact:
        orders = orders_columns(book)
        seed = order_seed(orders)
        pact = market.match(book_of(OrdersTable(**orders, signature=[]), outlook.charges), int(seed, 16))
        self.gates.append(Cleared(to_ms(outlook.horizon.start), outlook.horizon.periods, orders, seed, None, pact))
        return pact


@dataclass(frozen=True, eq=False)
class Recorder:
    """Runs mechanisms as `simulate` does, and writes the ledger of each; picklable, so that runs may go in parallel.

    Attributes
    ----------
    folder
        Where the parts go until they are joined.
    view
        What the export shows.
    keys
        Everybody's private keys, drawn by `draw_keys`.
    options
        What each mechanism is built with, by name; none where it is built with its defaults.
    entropy
        Where names of logs and salts come from.
    only
        The mechanisms whose ledger is written, by name; none: all.
    """

    folder: Path
    view: View
    keys: Mapping[str, SigningKey]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    entropy: Entropy = secrets.token_bytes
    only: frozenset[str] = frozenset()

    def __call__(self, community: Community, market: Market, settings: Settings, baseline: Baseline) -> Run:
        """Run one mechanism and write its log, if it is wanted."""
        if not self._wants(market.name):
            return simulate(community, market, settings, baseline)
        watched = Witnessed(market) if isinstance(market, Mechanism) else None
        run = simulate(community, watched or market, settings, baseline)
        self.write(community, run, watched.gates if watched else [])
        return run

    def write(self, community: Community, run: Run, gates: Sequence[Cleared]) -> None:
        """Write the log of a run.

        Parameters
        ----------
        community
            What ran.
        run
            What came of it.
        gates
            What its mechanism saw and made; none of a pool rule.
        """
        header = self._header()
        with self._part(run.mechanism).open("wb") as file:
            writer = ExportWriter(file, header)
            witnesses = [Witness(name, self.keys[name]) for name in header.witnesses]
            log = Log(header, self.keys, witnesses, writer, self.entropy)
            market = run.mechanism.removesuffix(f" + {run.network}")
            _Story(log, self.keys, community, run, gates).tell(market, dict(self.options.get(market, {})))
            writer.end()

    def join(self, mechanisms: Sequence[str]) -> list[Path]:
        """Put the logs of these mechanisms into one export, and the public keys beside it.

        Returns
        -------
        Export and keys.
        """
        export, keys = self.folder / EXPORT, self.folder / KEYS
        with export.open("wb") as file:
            for name in mechanisms:
                with self._part(name).open("rb") as part:
                    while block := part.read(1 << 20):
                        file.write(block)
                self._part(name).unlink()
        keys.write_bytes(encode(self.directory.to_json()) + b"\n")
        return [export, keys]

    def recorded(self, runs: Iterable[Run]) -> list[Run]:
        """Those of the runs whose log is written."""
        return [run for run in runs if self._wants(run.mechanism.removesuffix(f" + {run.network}"))]

    def _wants(self, mechanism: str) -> bool:
        return not self.only or mechanism in self.only

    @property
    def directory(self) -> Directory:
        """Everybody's public keys."""
        return Directory({name: key.public for name, key in self.keys.items()})

    def _header(self) -> Header:
        first = next(name for name in self.keys if name.startswith(member_key("")))
        return Header(new_log(self.entropy), self.view, EXCHANGE, self.directory, (DSO, SUPPLIER, first), QUORUM)

    def _part(self, mechanism: str) -> Path:
        return self.folder / f".{EXPORT}.{mechanism.replace(':', '.')}"


def draw_keys(community: Community, entropy: Entropy = secrets.token_bytes) -> dict[str, SigningKey]:
    """Keys of exchange, DSO, supplier, the head's meter, every member and every member's meter."""
    people = [name(member) for member in community.member_ids for name in (member_key, meter_key)]
    return {name: SigningKey.generate(entropy) for name in (EXCHANGE, DSO, SUPPLIER, HEAD_METER, *people)}


@dataclass(frozen=True, eq=False)
class _Story:
    """A run told to a log: gate by gate and interval by interval up to delivery, then settlement."""

    log: Log
    keys: Mapping[str, SigningKey]
    community: Community
    run: Run
    gates: Sequence[Cleared]

    def tell(self, market: str, options: dict[str, Any]) -> None:
        horizon = self.community.horizon
        body, tables = opening(self.community, self.run.settlement.charges, market, options, self.run.network)
        self._append("area_opened", body, tables)
        gates = iter(self.gates)
        gate = next(gates, None)
        reactive_varh = to_wh(self.community.profiles.q_kvar * horizon.hours)
        head_wh = to_wh(self.run.flow.head_kw * horizon.hours)
        standing = list(self.run.pact.by_interval(horizon.periods))
        for at in range(horizon.periods):
            window = horizon.window(at, at + 1)
            while gate is not None and gate.start <= to_ms(window.start):
                self._clear(gate)
                gate = next(gates, None)
            if self.gates and self.run.network in set(Policy):
                self._accept(at, to_ms(window.start), standing[at])
            self._read(at, to_ms(window.start), reactive_varh[:, at], int(head_wh[at]))
            report = network_body(self.community.feeder, self.run.flow, at, to_ms(window.start), horizon.hours)
            self._append("network_reported", report, author=DSO)
            self.log.sign_head(to_text(window.stop))
        for at, pact in enumerate(standing):
            start = to_ms(horizon.window(at, at + 1).start)
            if not self.gates:
                self._conclude("pool_shared", start, 1, pact, "")
            self._settle(at, start)
            self.log.sign_head(to_text(horizon.stop + SETTLED_AFTER))

    def _clear(self, gate: Cleared) -> None:
        if gate.orders is not None:
            self._placed("orders_placed", "orders", gate, gate.orders)
        elif gate.statements is not None:
            rows = {name: values.tolist() for name, values in gate.statements.items()}
            columns = {"member": list(range(len(self.community.members))), **rows}
            self._placed("statements_made", STATEMENTS, gate, columns)
        kind = "agreement_recorded" if gate.orders is None else "gate_closed"
        self._conclude(kind, gate.start, gate.intervals, gate.pact, gate.seed)

    def _placed(self, kind: str, table: str, gate: Cleared, columns: dict[str, list[Any]]) -> None:
        signed = self._signed(kind, columns, gate.start, member_key)
        self._append(kind, GateBody(gate.start, gate.intervals), {table: signed})

    def _conclude(self, kind: str, start: int, intervals: int, pact: Pact, seed: str) -> None:
        claims = claims_of(pact.certificate) if kind == "agreement_recorded" else []
        body = ClearingBody(start, intervals, totals_of(pact.trades, intervals), seed, claims)
        self._append(kind, body, pact_columns(pact))

    def _accept(self, at: int, start: int, pact: Pact) -> None:
        decided = next((each for each in self.run.decided if each.interval == at), None)
        tables: dict[str, Mapping[str, list[Any]]] = dict(pact_columns(pact))
        if decided is not None:
            tables["orders"], tables["uses"] = decided_columns(decided.case, decided.acceptance)
        cut_wh = 0 if decided is None else decided.acceptance.curtailed_wh
        self._append("interval_accepted", AcceptedBody(start, cut_wh), tables, author=DSO)

    def _read(self, at: int, start: int, reactive_varh: IntArray, head_wh: int) -> None:
        energy_wh = self.run.delivery.net_wh[:, at]
        columns = {
            "member": list(range(len(energy_wh))),
            "energy_wh": energy_wh.tolist(),
            "reactive_varh": reactive_varh.tolist(),
        }
        signed = self._signed("readings_taken", columns, start, meter_key)
        (message,) = messages("readings_taken", {"head_wh": [head_wh]}, self.log.header.log, start)
        signature = bytes_to_text(self.keys[HEAD_METER].sign(message))
        body = ReadingsBody(start, int(energy_wh.sum()), head_wh, signature)
        self._append("readings_taken", body, {"readings": signed})

    def _settle(self, at: int, start: int) -> None:
        accounts = self.run.settlement.window(at, at + 1)
        body = SettlementBody(
            interval=start,
            members=int(accounts.bills.sum()),
            supplier=int(accounts.supplier[0]),
            dso=int(accounts.dso[0]),
            exchange=int(accounts.exchange[0]),
            loss_wh=int(accounts.loss_wh[0]),
        )
        self._append("interval_settled", body, {"bills": bills_columns(accounts)})

    def _signed(
        self, kind: str, columns: dict[str, list[Any]], start: int, name: Callable[[str], str]
    ) -> dict[str, list[Any]]:
        """The table with the signatures of the members whose rows they are, or of their meters."""
        ids = self.community.member_ids
        said = zip(columns["member"], messages(kind, columns, self.log.header.log, start), strict=True)
        signatures = [bytes_to_text(self.keys[name(ids[member])].sign(message)) for member, message in said]
        return {**columns, "signature": signatures}

    def _append(
        self, kind: str, body: Body, tables: Mapping[str, Mapping[str, list[Any]]] | None = None, author: str = EXCHANGE
    ) -> None:
        self.log.append(author, kind, msgspec.to_builtins(body), tables)
