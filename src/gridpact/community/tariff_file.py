"""The ``[tariff]`` table as a `Tariff`: prices as integer micro-units per kWh over the horizon."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gridpact.community.profiles import read_price
from gridpact.community.schema import Price, TariffTable
from gridpact.community.tariff import Payer, Tariff
from gridpact.errors import InputError
from gridpact.horizon import Horizon
from gridpact.units import IntArray, from_micro, to_micro


@dataclass(frozen=True, slots=True)
class TariffReader:
    """Reads the prices of one community file.

    Attributes
    ----------
    table
        The ``[tariff]`` table.
    folder
        Folder of the community file.
    place
        ``community.toml: [tariff]``.
    horizon
        The intervals.
    time_zone
        Zone of times without one.
    notes
        Filled with what was assumed.
    """

    table: TariffTable
    folder: Path
    place: str
    horizon: Horizon
    time_zone: str
    notes: list[str] = field(default_factory=list)

    def read(self, zones: set[str]) -> Tariff:
        """The tariff, with a network charge for each of the members' zones."""
        table = self.table
        bought, sold = self._price("import_price", table.import_price), self._price("export_price", table.export_price)
        self._refuse_below("export_price", sold, "import_price", bought)
        buy = self._either(
            "imbalance_buy", table.imbalance_buy, "imbalance_buy_premium", bought, table.imbalance_buy_premium
        )
        self._refuse_below("import_price", bought, "imbalance_buy", buy)
        sell = self._either(
            "imbalance_sell", table.imbalance_sell, "imbalance_sell_discount", sold, -table.imbalance_sell_discount
        )
        self._refuse_below("imbalance_sell", sell, "export_price", sold)
        loss = (bought + sold) // 2 if table.loss_price is None else self._price("loss_price", table.loss_price)
        return Tariff(
            import_price=bought,
            export_price=sold,
            imbalance_buy=buy,
            imbalance_sell=sell,
            loss_price=loss,
            network_charge=self._network_charge(zones),
            service_charge=int(to_micro(table.service_charge)),
            payer=Payer(table.payer),
            dead_band=table.dead_band,
            penalty=int(to_micro(table.penalty)),
            carbon_kg_per_kwh=table.carbon_kg_per_kwh,
        )

    def _price(self, key: str, price: Price) -> IntArray:
        if isinstance(price, float):
            return np.full(self.horizon.periods, to_micro(price))
        values, notes = read_price(price, self.folder, f"{self.place} {key}", self.horizon, self.time_zone)
        self.notes.extend(notes)
        return to_micro(values)

    def _either(self, key: str, price: Price | None, shift_key: str, base: IntArray, shift: float) -> IntArray:
        if price is None:
            return base + to_micro(shift)
        if shift:
            raise InputError(f"{key} and {shift_key} are both given", place=self.place, accepted="one of the two")
        return self._price(key, price)

    def _refuse_below(self, low_key: str, low: IntArray, high_key: str, high: IntArray) -> None:
        wrong = np.flatnonzero(low > high)
        if len(wrong):
            at = int(wrong[0])
            when = self.horizon.window(at, at).start
            raise InputError(
                f"{low_key} {from_micro(low[at]):g} is above {high_key} {from_micro(high[at]):g} "
                f"at {when:%Y-%m-%d %H:%M} UTC",
                place=self.place,
                accepted="imbalance_sell <= export_price <= import_price <= imbalance_buy",
            )

    def _network_charge(self, zones: set[str]) -> dict[str, int]:
        charge = self.table.network_charge
        if isinstance(charge, float):
            return {zone: int(to_micro(charge)) for zone in sorted(zones | {""})}
        return {"" if zone == "default" else zone: int(to_micro(value)) for zone, value in charge.items()}
