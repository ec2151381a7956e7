"""Whether what a log says follows from what was signed: books are matched again, pools shared again, bills worked out again."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
import numpy as np

from gridpact.community import TradeCharges
from gridpact.errors import GridpactError, InputError
from gridpact.exchange.acceptance import Policy
from gridpact.exchange.proof.accepted import check_decision, check_left, check_part
from gridpact.exchange.proof.area import EPOCH, MILLISECOND, Area, to_text
from gridpact.exchange.proof.booked import Booked
from gridpact.exchange.proof.certificates import check_claims, judged
from gridpact.exchange.proof.grid import Metered, check_network
from gridpact.exchange.proof.tables import bills_columns, book_of, order_seed, pact_columns, pact_of, totals_of
from gridpact.exchange.proof.words import (
    AUTHORS,
    HEAD_METER,
    STATEMENTS,
    AcceptedBody,
    AreaBody,
    BillsTable,
    CaseOrdersTable,
    ClearingBody,
    FeederTable,
    GateBody,
    MembersTable,
    NetworkBody,
    OrdersTable,
    Owners,
    ReadingsBody,
    ReadingsTable,
    SettlementBody,
    Table,
    TradesTable,
    TransfersTable,
    UsesTable,
    member_key,
    messages,
    meter_key,
    read_as,
)
from gridpact.exchange.settlement import settle
from gridpact.ledger import Counts, DifferenceError, Directory, Entry, Header, View, name_entry, to_bytes
from gridpact.ledger.keys import SIGNATURE_BYTES
from gridpact.markets import (
    Market,
    Mechanism,
    Metering,
    OrderMechanism,
    Pact,
    StatedMechanism,
    make_mechanism,
)
from gridpact.units import IntArray

MOST_CELLS = 10**9
TRADED = ("seller", "buyer", "energy_wh")
SEALED = "sealed in a public export: an audit export opens it"

T = TypeVar("T", bound=Table)
Blame = Callable[[str], DifferenceError]


class AreaCheck:
    """Follows the entries of one log, whose signatures and places have been checked, and re-runs what they claim.

    Parameters
    ----------
    header
        Of the log.
    counts
        Where what is checked is counted.
    """

    def __init__(self, header: Header, counts: Counts) -> None:
        self.header, self.counts = header, counts
        self.flags: list[str] = []
        self.area: Area | None = None

    @property
    def what(self) -> str:
        """The market, in words."""
        if self.area is None:
            return ""
        body = self.area.body
        network = "" if body.network == "none" else f" + {body.network}"
        return f"{body.mechanism}{network}, {len(body.members)} members, {body.periods} intervals"

    def check(self, entry: Entry) -> None:
        """Check the next entry.

        Raises
        ------
        DifferenceError
            If it does not follow.
        """
        where = name_entry(entry)
        author = AUTHORS.get(entry.kind)
        if author is None:
            raise DifferenceError(where, entry.kind, "no known kind", "nobody can act on it")
        if entry.author != author:
            raise DifferenceError(where, f"stated by {entry.author}", f"only {author} may", "it counts for nothing")
        if entry.kind == "area_opened":
            self._open(entry)
            return
        if self.area is None:
            raise DifferenceError(where, entry.kind, "no area was opened", "members, tariff and market are unknown")
        getattr(self, f"_{entry.kind}")(entry, _blame(entry))

    def finish(self) -> None:
        """Check that nothing is missing at the end; raises `DifferenceError` if something is."""
        if self.area is None:
            raise DifferenceError("end of the log", "a market area", "no opening", "there is nothing to verify")
        self._check_network()
        for name, said in (("orders", self._orders), ("statements", self._statements)):
            if said:
                found = f"those of {self._time(self.area.start_of(min(said)))} were not cleared"
                raise DifferenceError("end of the log", f"{name} that are cleared", found, "they were left out")
        for name, done in (
            ("readings", self._read),
            ("power flow of what was metered", self._reported),
            ("settlement", self._settled),
        ):
            if not done.all():
                at = int(np.flatnonzero(~done)[0])
                found = f"none of interval {self._time(self.area.start_of(at))}"
                raise DifferenceError("end of the log", f"{name} of {len(done)} intervals", found, f"{name} is missing")

    # the opening

    def _open(self, entry: Entry) -> None:
        blame = _blame(entry)
        if self.area is not None or entry.seq != 0:
            raise DifferenceError(name_entry(entry), "an opening", "an area is open", "the terms were changed midway")
        body = read_as(AreaBody, entry.body, blame)
        try:
            self.area = Area.read(body, _table(entry, "members", MembersTable), _table(entry, "feeder", FeederTable))
            self.market: Market = make_mechanism(body.mechanism, body.options)
        except (GridpactError, ValueError) as error:
            raise blame(str(error)) from None
        periods = body.periods
        if len(body.members) * periods > MOST_CELLS:
            raise blame(f"{len(body.members)} members times {periods} intervals; {MOST_CELLS} are verified at most")
        self._cleared, self._covered, self._accepted, self._read, self._reported, self._settled = (
            np.zeros(periods, dtype=np.bool_) for _ in range(6)
        )
        self._orders: dict[int, OrdersTable] = {}
        self._statements: dict[int, dict[str, IntArray]] = {}
        self._booked = Booked(periods)
        self._metered = Metered.empty(len(body.members), periods)
        self._networks: list[tuple[str, int, NetworkBody]] = []
        self._shared: Pact | None = None
        if body.network.startswith(("envelopes", "charges")):
            self.counts.not_checked[f"how {body.network} were set"] = "the forecasts behind them are not logged"
        if not self._open_to_audit:
            for what in (
                "orders, trades and bills",
                "signatures of members and meters",
                "power flow of what was metered",
            ):
                self.counts.not_checked[what] = SEALED

    @property
    def _open_to_audit(self) -> bool:
        return self.header.view is View.AUDIT

    # what members say

    def _orders_placed(self, entry: Entry, blame: Blame) -> None:
        body, first = self._gate(entry, GateBody, blame)
        if first in self._orders or self._cleared[first]:
            follows = "orders came in after the gate, or twice"
            raise DifferenceError(name_entry(entry), "orders of a gate", "its orders are known", follows)
        orders = _table(entry, "orders", OrdersTable)
        if orders is None:
            return
        self._check_owners(entry, orders.member, blame)
        self._check_signatures(entry, "orders", body.interval, orders.member, orders.signature, member_key)
        inside = all(0 <= at < body.intervals for row in orders.interval for at in row)
        columns = (orders.interval, orders.is_buy, orders.energy_wh, orders.price)
        alike = all(len({len(item) for item in row}) == 1 for row in zip(*columns, strict=True))
        if not inside or not alike:
            raise blame("orders outside of the gate's intervals, or columns that differ in length")
        self._orders[first] = orders
        self.counts.add("orders with the signature of their member", sum(map(len, orders.interval)))

    def _statements_made(self, entry: Entry, blame: Blame) -> None:
        body, first = self._gate(entry, GateBody, blame)
        opening = entry.openings.get(STATEMENTS)
        if opening is None:
            return
        columns = dict(opening.columns)
        who = read_as(Owners, {name: columns.pop(name, None) for name in ("member", "signature")}, blame)
        members, signatures = who.member, who.signature
        self._check_owners(entry, members, blame)
        if len(members) != len(self._body.members):
            raise blame(f"statements of {len(members)} of {len(self._body.members)} members")
        self._check_signatures(entry, STATEMENTS, body.interval, members, signatures, member_key)
        try:
            self._statements[first] = {
                name: np.array(msgspec.convert(rows, list[list[int]]), dtype=np.int64) for name, rows in columns.items()
            }
        except (ValueError, OverflowError) as error:
            raise blame(str(error)) from None
        self.counts.add("statements with the signature of their member", len(members))

    # what the market makes of it

    def _gate_closed(self, entry: Entry, blame: Blame) -> None:
        body, first, claimed = self._clearing(entry, blame)
        if not isinstance(self.market, OrderMechanism):
            raise blame(f"{self.market.name} takes no orders")
        if claimed is None:
            return
        orders = self._orders.pop(first, None)
        found = Pact()
        if orders is not None:
            columns = {name: getattr(orders, name) for name in orders.__struct_fields__}
            seed = order_seed(columns)
            if body.seed != seed:
                follows = "ties were broken by another draw than the orders give"
                raise DifferenceError(name_entry(entry), f"seed {body.seed}", f"seed {seed}", follows)
            try:
                found = self.market.match(book_of(orders, self._charges), int(seed, 16))
            except (InputError, IndexError) as error:
                raise blame(f"orders that cannot be matched: {error}") from None
        self._compare(entry, found, claimed, f"{self.market.name} makes something else of these orders")
        self._booked.book(claimed, first, body.intervals)
        self.counts.add("books matched again")

    def _agreement_recorded(self, entry: Entry, blame: Blame) -> None:
        body, first, claimed = self._clearing(entry, blame)
        if isinstance(self.market, OrderMechanism) or not isinstance(self.market, Mechanism):
            raise blame(f"{self.market.name} records no agreements")
        if claimed is None:
            return
        stated = self._statements.pop(first, None)
        commitments = self._booked.trades(first, body.intervals)
        self._booked.book(claimed, first, body.intervals)
        if not isinstance(self.market, StatedMechanism):
            check_claims(name_entry(entry), body.certificate)
            why = "they rest on forecasts, devices and preferences that are private to members"
            self.counts.not_checked[f"claims of {self.market.name} beyond balances and bills"] = why
            self.counts.add("agreements whose claimed certificate holds as it is stated")
            return
        if stated is None:
            claimed_by = f"an agreement of {self.market.name}"
            raise DifferenceError(name_entry(entry), claimed_by, "no statements of its members", "they were left out")
        try:
            certificate = self.market.judge(stated, self._area.horizon.hours, claimed, commitments)
        except (InputError, IndexError, TypeError, ValueError) as error:
            raise blame(f"statements or contracts that cannot be judged: {error}") from None
        self.counts.add("claims of agreements judged from statements", judged(name_entry(entry), body, certificate))

    def _pool_shared(self, entry: Entry, blame: Blame) -> None:
        body, first, claimed = self._clearing(entry, blame)
        if isinstance(self.market, Mechanism):
            raise blame(f"{self.market.name} is no pool rule")
        if not self._read.all():
            raise blame("shared before all meters were read")
        if claimed is None:
            return
        if self._shared is None:
            tariff, members = self._area.tariff, self._community.members
            metering = Metering(members, self._area.horizon, tariff, self._metered.energy_wh)
            try:
                self._shared = self.market.share(metering)
            except InputError as error:
                raise blame(f"readings that cannot be shared: {error}") from None
        last = first + body.intervals
        found = Pact(self._shared.trades.window(first, last), self._shared.transfers.window(first, last))
        self._compare(entry, found, claimed, f"{self.market.name} makes something else of these readings")
        self._booked.book(claimed, first, body.intervals)
        self.counts.add("intervals shared again by the pool rule", body.intervals)

    # what the DSO makes of it

    def _interval_accepted(self, entry: Entry, blame: Blame) -> None:
        body = read_as(AcceptedBody, entry.body, blame)
        if not self._decides:
            raise blame(f"nobody decides under network check {self._body.network}")
        at = self._once(entry, body.interval, self._accepted, "the DSO decided twice")
        if self._read[at]:
            raise blame("decided after delivery")
        self._refuse_uncleared(entry, at)
        if not self._open_to_audit:
            return
        where = name_entry(entry)
        accepted = self._pact_of(entry, 1, blame)
        struck = self._booked.at(at)
        check_part(where, struck, accepted, everything=body.cut_wh == 0)
        orders, uses = _table(entry, "orders", CaseOrdersTable), _table(entry, "uses", UsesTable)
        if uses is not None:
            orders = orders or CaseOrdersTable([], [], [], [], [], [], [])
            window = self._area.tariff.window(at, at + 1)
            prices = int(window.import_price[0]), int(window.export_price[0])
            rows = zip(orders.seller, orders.buyer, orders.energy_wh, strict=True)
            if list(rows) != list(zip(*(getattr(struck.trades, name).tolist() for name in TRADED), strict=True)):
                raise DifferenceError(where, "decided on what was struck", "other orders", "the DSO saw another market")
            check_decision(where, self._community, self._body.network, orders, uses, prices)
            check_left(where, orders, accepted.trades)
            self._booked.scale_later(at, np.array(orders.left_wh, dtype=np.int64))
            self.counts.add("decisions of the DSO made again")
        elif not body.cut_wh:
            self.counts.not_checked["whether something had to give way where the DSO took nothing"] = (
                "the forecasts behind it are logged only where something gave way; what was metered is computed again"
            )
        else:
            raise DifferenceError(where, f"{body.cut_wh} Wh cut", "no case", "nobody knows on what was decided")
        self._booked.accept(at, accepted)
        self.counts.add("intervals in which what stands is a part of what was struck")

    # what happened, and what it costs

    def _readings_taken(self, entry: Entry, blame: Blame) -> None:
        body = read_as(ReadingsBody, entry.body, blame)
        at = self._once(entry, body.interval, self._read, "readings came twice")
        if self._decides and not self._accepted[at]:
            follows = "what was agreed was delivered unchecked"
            raise DifferenceError(name_entry(entry), "a decision of the DSO before delivery", "none", follows)
        if isinstance(self.market, Mechanism):
            self._refuse_uncleared(entry, at)
        head = {"head_wh": [body.head_wh], "signature": [body.signature]}
        self._check_signed(entry, "the head's reading", body.interval, head, [body.signature], [HEAD_METER])
        self._metered.head_wh[at] = body.head_wh
        self._metered.sum_wh[at] = body.sum_wh
        readings = _table(entry, "readings", ReadingsTable)
        if readings is None:
            return
        self._check_owners(entry, readings.member, blame)
        if len(readings.member) != len(self._body.members):
            raise blame(f"readings of {len(readings.member)} of {len(self._body.members)} members")
        self._check_signatures(entry, "readings", body.interval, readings.member, readings.signature, meter_key)
        self._metered.energy_wh[:, at] = readings.energy_wh
        self._metered.reactive_varh[:, at] = readings.reactive_varh
        total = int(self._metered.energy_wh[:, at].sum())
        if total != body.sum_wh:
            follows = "the public sum is not that of the meters"
            raise DifferenceError(name_entry(entry), f"a sum of {body.sum_wh} Wh", f"{total} Wh", follows)
        self.counts.add("readings with the signature of their meter", len(readings.member))

    def _network_reported(self, entry: Entry, blame: Blame) -> None:
        body = read_as(NetworkBody, entry.body, blame)
        at = self._area.position(body.interval)
        if at is None or not self._read[at]:
            raise blame("an interval that was not metered")
        self._reported[at] = True
        self._networks.append((name_entry(entry), at, body))

    def _interval_settled(self, entry: Entry, blame: Blame) -> None:
        self._check_network()
        body = read_as(SettlementBody, entry.body, blame)
        at = self._once(entry, body.interval, self._settled, "the interval was settled twice")
        where = name_entry(entry)
        left = body.members + body.supplier + body.dso + body.exchange
        if left:
            follows = "money was made or lost between the parties"
            raise DifferenceError(where, "cash flows that sum to zero", f"{left} micro-units left", follows)
        if not self._read[at]:
            raise blame("an interval that was not metered")
        self._refuse_uncleared(entry, at)
        loss_wh = int(self._metered.head_wh[at] - self._metered.sum_wh[at])
        if body.loss_wh != loss_wh:
            follows = "the DSO pays for other losses than were metered"
            raise DifferenceError(where, f"losses of {body.loss_wh} Wh", f"{loss_wh} Wh", follows)
        self.counts.add("intervals whose cash flows sum to zero")
        bills = _table(entry, "bills", BillsTable)
        if bills is None:
            return
        self._check_bills(entry, at, body, bills)

    def _check_bills(self, entry: Entry, at: int, body: SettlementBody, bills: BillsTable) -> None:
        where = name_entry(entry)
        pact = self._booked.at(at)
        window = slice(at, at + 1)
        tariff = self._area.tariff.window(at, at + 1)
        metered = self._metered.energy_wh[:, window], self._metered.head_wh[window]
        try:
            accounts = settle(pact, *metered, tariff, self._charges)
        except InputError as error:
            raise DifferenceError(
                where, "an interval that can be settled", str(error), "nobody can be billed"
            ) from None
        found = bills_columns(accounts)
        for name, column in found.items():
            claimed = getattr(bills, name)
            if claimed == column:
                continue
            row = next(k for k in range(len(column)) if k >= len(claimed) or claimed[k] != column[k])
            member = self._body.members[row]
            says = f"{name} {claimed[row]}" if row < len(claimed) else "no bill"
            total = f"{accounts.bills[row, 0] / 1e6:.6f} {self._body.currency} in all"
            follows = f"{member} pays {total} by trades, meter and tariff, not what its bill says"
            raise DifferenceError(f"{where}, bill of {member}", says, f"{name} {column[row]}", follows)
        for name, amount in (
            ("members", accounts.bills),
            ("supplier", accounts.supplier),
            ("dso", accounts.dso),
            ("exchange", accounts.exchange),
        ):
            claimed, due = getattr(body, name), int(amount.sum())
            if claimed != due:
                raise DifferenceError(where, f"{name} {claimed}", f"{due}", f"{name} paid what it did not owe")
        self.counts.add("bills worked out again", len(bills.member))

    # what all of them need

    @property
    def _area(self) -> Area:
        assert self.area is not None
        return self.area

    @property
    def _body(self) -> AreaBody:
        return self._area.body

    @property
    def _community(self) -> Any:
        return self._area.community

    @property
    def _charges(self) -> TradeCharges:
        assert self._area.charges is not None
        return self._area.charges

    @property
    def _decides(self) -> bool:
        """Whether the DSO decides on what was agreed before delivery."""
        return self._body.network in set(Policy) and isinstance(self.market, Mechanism)

    def _time(self, interval: int) -> str:
        return to_text(EPOCH + interval * MILLISECOND)

    def _once(self, entry: Entry, interval: int, done: Any, twice: str) -> int:
        """The position of an interval that must not have had this entry yet; it has it now."""
        at = self._area.position(interval)
        if at is None:
            raise DifferenceError(name_entry(entry), f"interval {interval}", "not one of the area", "it is unbilled")
        if done[at]:
            raise DifferenceError(
                name_entry(entry), entry.kind, f"{entry.kind} of {self._time(interval)} is known", twice
            )
        done[at] = True
        return at

    def _refuse_uncleared(self, entry: Entry, at: int) -> None:
        """What the market makes of an interval must be known before it counts, be it nothing."""
        if not self._covered[at]:
            follows = f"what {self.market.name} makes of it was left out"
            raise DifferenceError(name_entry(entry), entry.kind, "an interval that was not cleared", follows)

    def _gate(self, entry: Entry, kind: type[Any], blame: Blame) -> tuple[Any, int]:
        body = read_as(kind, entry.body, blame)
        first = self._area.position(body.interval)
        if first is None or first + body.intervals > self._body.periods:
            raise blame("intervals outside of the area's horizon")
        return body, first

    def _clearing(self, entry: Entry, blame: Blame) -> tuple[ClearingBody, int, Pact | None]:
        """What a clearing says."""
        body, first = self._gate(entry, ClearingBody, blame)
        ahead, window = isinstance(self.market, Mechanism), slice(first, first + body.intervals)
        own = slice(first, first + 1) if ahead else window
        if self._cleared[own].any():
            follows = "the same energy would be traded twice"
            raise DifferenceError(name_entry(entry), "a clearing", "its interval is cleared", follows)
        if (self._accepted | self._read if ahead else self._settled)[window].any():
            found, follows = ("delivery", "checks") if ahead else ("settlement", "bills")
            raise DifferenceError(name_entry(entry), "a clearing in time", f"after {found}", f"nobody {follows} it")
        self._cleared[own] = self._covered[window] = True
        if not self._open_to_audit:
            return body, first, None
        pact = self._pact_of(entry, body.intervals, blame)
        totals = totals_of(pact.trades, body.intervals)
        if totals != body.totals:
            follows = "what everybody is told of the market is not what was traded"
            raise DifferenceError(name_entry(entry), f"{body.totals}", f"{totals}", follows)
        self.counts.add("trades", len(pact.trades))
        return body, first, pact

    def _pact_of(self, entry: Entry, intervals: int, blame: Blame) -> Pact:
        tables = _table(entry, "trades", TradesTable), _table(entry, "transfers", TransfersTable)
        try:
            pact = pact_of(*tables)
            pact.check(len(self._body.members), intervals)
        except InputError as error:
            raise blame(str(error)) from None
        return pact

    def _compare(self, entry: Entry, found: Pact, claimed: Pact, follows: str) -> None:
        """Row by row."""
        found_tables, claimed_tables = pact_columns(found), pact_columns(claimed)
        for name, columns in found_tables.items():
            due, said = (list(zip(*each[name].values(), strict=True)) for each in (found_tables, claimed_tables))
            for row in range(max(len(due), len(said))):
                one, other = (
                    dict(zip(columns, rows[row], strict=True)) if row < len(rows) else None for rows in (said, due)
                )
                if one != other:
                    where = f"{name_entry(entry)}, {name}, row {row}"
                    raise DifferenceError(where, self._words(one), self._words(other), follows)

    def _words(self, row: Mapping[str, int] | None) -> str:
        if row is None:
            return "nothing"
        people = {"seller", "buyer", "payer", "payee"}
        ids = self._body.members
        return ", ".join(
            f"{name} {ids[value] if name in people and 0 <= value < len(ids) else value}" for name, value in row.items()
        )

    def _check_owners(self, entry: Entry, members: list[int], blame: Blame) -> None:
        if list(members) != sorted(set(members)) or (
            members and not 0 <= members[0] <= members[-1] < len(self._body.members)
        ):
            raise blame("members that are unknown, doubled, or out of order")

    def _check_signatures(
        self,
        entry: Entry,
        table: str,
        interval: int,
        members: list[int],
        signatures: list[str],
        name: Callable[[str], str],
    ) -> None:
        holders = [name(self._body.members[member]) for member in members]
        self._check_signed(entry, table, interval, entry.openings[table].columns, signatures, holders)

    def _check_signed(
        self,
        entry: Entry,
        what: str,
        interval: int,
        columns: Mapping[str, Any],
        signatures: list[str],
        holders: list[str],
    ) -> None:
        signed = messages(entry.kind, columns, self.header.log, interval)
        keys: Directory = self.header.keys
        for holder, message, text in zip(holders, signed, signatures, strict=True):
            if not keys.verify(holder, message, _signature(text, _blame(entry))):
                where = f"{name_entry(entry)}, {what} of {holder}"
                follows = f"{holder} did not say this for this interval: it was edited, made up, or replayed"
                raise DifferenceError(where, f"signed by {holder}", "a signature that does not hold", follows)

    def _check_network(self) -> None:
        """Recompute the power flow of what was metered since the last time, and hold the head's meter against it."""
        if self._networks and self._open_to_audit:
            hours = timedelta(milliseconds=self._body.step_ms) / timedelta(hours=1)
            flags = check_network(self._community, self._metered, self._networks, hours)
            self.flags += [f"{self._time(self._area.start_of(at))}: {text}" for at, text in flags]
            self.counts.add("intervals with the power flow computed again", len(self._networks))
        self._networks = []


def _table(entry: Entry, name: str, kind: type[T]) -> T | None:
    opening = entry.openings.get(name)
    return None if opening is None else read_as(kind, dict(opening.columns), _blame(entry))


def _blame(entry: Entry) -> Blame:
    def blame(found: str) -> DifferenceError:
        return DifferenceError(name_entry(entry), f"an entry of kind {entry.kind}", found, "nobody can act on it")

    return blame


def _signature(text: str, blame: Blame) -> bytes:
    try:
        return to_bytes(text, SIGNATURE_BYTES, "signature")
    except InputError as error:
        raise blame(str(error)) from None
