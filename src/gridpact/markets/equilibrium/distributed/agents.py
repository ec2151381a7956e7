"""The same rounds by separate agents: a member knows itself and its links, the operator the feeder, and messages say the rest.

Whoever has heard from everybody answers. Whoever waits says again, every `REPEAT` ticks, what may have been lost, and after
`PATIENCE` ticks goes on with what it has heard. On a perfect network rounds are those of `DistributedSolver`, two ticks each.
Elsewhere a link stays where it is until both ends have heard the other's offer of the same number: messages that are late or
lost change when something is agreed on, not what.
"""

import time
from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from gridpact.markets.equilibrium.distributed._game import Links, Members, Units
from gridpact.markets.equilibrium.distributed._operator import Operator
from gridpact.markets.equilibrium.distributed._rows import ROWS
from gridpact.markets.equilibrium.distributed.messages import BusPrice, GridPrice, Message, Offer, Wish, is_sound
from gridpact.markets.equilibrium.distributed.tuning import CENTS, PATIENCE_OF_STORAGE, Tuning
from gridpact.markets.equilibrium.errors import SolverError
from gridpact.markets.mailbox import Post
from gridpact.units import BoolArray, FloatArray, IntArray

OPERATOR = "operator"
"""Name of the operator's agent."""
REPEAT = 4
"""Ticks of waiting after which an agent says again what it said last."""
PATIENCE = 24
"""Ticks after which an agent goes on without those it has not heard from."""


class MemberAgent:
    """One member: its own devices, and one row for each link.

    Parameters
    ----------
    post
        Its face of the network.
    partners
        Names at the other ends of its links.
    own, links, member
        Devices of all members and ends of all links, of which it takes those of this position: so both runs are of one kind.
    curvature
        Of its own imports' price, ``[hour]``.
    tuning
        As everybody's.

    Attributes
    ----------
    trade
        What it buys from each partner, ``[link, hour]``.
    price, others_price
        What a kWh is worth on each link to it, and to its partner; the price of a trade is between the two.
    seconds
        CPU time spent.
    """

    def __init__(
        self,
        post: Post[Message],
        partners: Sequence[str],
        own: Members,
        links: Links,
        member: int,
        curvature: FloatArray,
        tuning: Tuning,
    ) -> None:
        mine = slice(int(links.first[member]), int(links.first[member + 1]))
        self._post, self._tuning, self._curvature = post, tuning, curvature
        self._row = {name: row for row, name in enumerate(partners)}
        self._own = _one(own, member)
        self._lean, self._tariff, self._cap = links.lean[mine], links.tariff[mine], links.cap[mine]
        rows, hours = len(self._lean), curvature.size
        self.alone = not partners
        self.trade, self.price, self.done = np.zeros((rows, hours)), np.zeros((rows, hours)), False
        self.others_price = np.zeros((rows, hours))
        self._rho = np.full((rows, hours), tuning.idle)
        self._offer, self._other = np.zeros((rows, hours)), np.zeros((rows, hours))
        self._version = np.zeros(rows, dtype=np.int64)
        self._scale_in, self._scale_of = np.ones(rows), np.ones(rows)
        self._heard: list[dict[int, Offer]] = [{} for _ in range(rows)]
        self._said: list[list[Offer]] = [[] for _ in range(rows)]
        self._bought, self._seen_scale = np.zeros((rows, hours)), 1.0
        self.n, self.m = np.zeros_like(self._own.net), np.zeros_like(self._own.net)
        self._imports, self._draws = self.m[0].copy(), self.n[0].copy()
        self._grid_price, self._bus_price = np.zeros(hours), np.zeros(hours)
        self._news: GridPrice | None = None
        self._news_of_bus: BusPrice | None = None
        self._answered, self._wishes, self._since = -1, 0, 0
        self.u, self.pi = np.zeros((1, ROWS, hours)), np.zeros((1, hours))
        self._kept, self._warm = np.zeros((1, 3, ROWS, hours)), np.zeros(1, dtype=np.bool_)
        self._mismatch, self._moved, self._stepped = np.zeros(rows), np.zeros(rows), np.zeros(rows)
        self._own_step, self.seconds = np.inf, 0.0

    @property
    def ready(self) -> bool:
        """Whether all have spoken whom it waits for; who steps it when messages arrive does so then, not at each of them."""
        self._listen()
        return self.done or bool(self._fresh().all() and self._has_news())

    def step(self) -> None:
        """Hear, and answer if all have spoken or time is up."""
        begun = time.process_time()
        if self._post.round == 0:
            self._speak(np.ones(len(self._row), dtype=np.bool_))
        self._listen()
        if not self.done:
            self._since += 1
            fresh, news = self._fresh(), self._has_news()
            if (fresh.all() and news) or (self._since > PATIENCE and (fresh.any() or news)):
                self._answer(fresh, news)
            elif self._since % REPEAT == 0:
                self._repeat()
        self.seconds += time.process_time() - begun

    def _listen(self) -> None:
        for sender, message in self._post.receive():
            if not is_sound(message, self._curvature.size):
                continue
            if isinstance(message, Offer):
                heard = self._heard[self._row[sender]]
                heard[message.version] = message
            elif isinstance(message, GridPrice):
                if message.done:
                    self.done = True
                    self._say_wish()
                elif self._news is None or message.version > self._news.version:
                    self._news = message
            elif isinstance(message, BusPrice) and (
                self._news_of_bus is None or message.version > self._news_of_bus.version
            ):
                self._news_of_bus = message

    def _fresh(self) -> BoolArray:
        """Links of which both offers of the present number are known."""
        if self.alone:
            return np.ones(len(self._version), dtype=np.bool_)
        return np.array([self._version[row] in heard for row, heard in enumerate(self._heard)], dtype=np.bool_)

    def _has_news(self) -> bool:
        grid, bus = self._news, self._news_of_bus
        return grid is not None and bus is not None and grid.version == bus.version > self._answered

    def _answer(self, fresh: BoolArray, news: bool) -> None:
        """Agree on what is fresh, then plan anew."""
        from gridpact.markets.equilibrium.distributed._rounds import respond

        self._agree(fresh)
        if news:
            self._hear_operator()
        own, relax, scale = self._own, self._tuning.relaxation, self._seen_scale
        rg, rb = self._tuning.grid * scale, self._tuning.bus * scale
        above_m, above_n = self._grid_price / rg, self._bus_price / rb
        offer, bought, before = self._offer.copy(), self._bought.copy(), (self.n.copy(), self.m.copy(), self.u.copy())
        rows = np.array([0, len(offer)])
        _, failed = respond(
            0, 1, rows, offer, self.trade, self._rho, relax, (self._imports - 2 * above_m)[None],
            (self._draws - 2 * above_n)[None], rg, rb, own.net, own.low, own.high, own.curve, own.slope, self._curvature,
            own.keep, own.lost, own.fill, own.drain, own.start, own.stores, self._kept, self._warm, PATIENCE_OF_STORAGE,
            self.u, bought, self.n, self.m, self.pi
        )  # fmt: skip
        if failed:
            raise SolverError(f"member {self._post.name} finds no plan of its own")
        self._warm = own.stores
        self._stepped[fresh] = np.abs(bought - self._bought)[fresh].max(axis=1, initial=0.0)
        self._bought[fresh], self._offer[fresh] = bought[fresh], offer[fresh]
        devices = zip((self.n, self.m, self.u[:, :4]), (before[0], before[1], before[2][:, :4]), strict=True)
        self._own_step = max(float(np.abs(now - then).max()) for now, then in devices)
        if news:
            self._imports = self._imports + relax * (self.m[0] - self._imports + above_m)
            self._draws = self._draws + relax * (self.n[0] - self._draws + above_n)
        self._version[fresh] += 1
        self._since = 0
        self._speak(fresh)

    def _agree(self, fresh: BoolArray) -> None:
        from gridpact.markets.equilibrium.distributed._rounds import agree

        rows = np.flatnonzero(fresh)
        if not rows.size:
            return
        for row in rows:
            if self.alone:
                continue
            offer = self._heard[row].pop(int(self._version[row]))
            self._heard[row] = {number: said for number, said in self._heard[row].items() if number > offer.version}
            other = np.array(offer.trade)
            if self._version[row]:  # what it did, from what it proposed before and proposes now
                did = (other - self._other[row]) / self._tuning.relaxation - self.trade[row]
                self._mismatch[row] = np.abs(did + self._bought[row]).max()
            self._other[row] = other
            self._scale_of[row] = max(offer.scale, self._said[row][-1].scale)
        count = len(rows)
        other = -self._offer if self.alone else self._other
        both, twin = (
            np.concatenate([self._offer[rows], other[rows]]),
            np.concatenate([np.arange(count) + count, np.arange(count)]),
        )
        double = [
            np.concatenate([part[rows], sign * part[rows]])
            for part, sign in ((self._lean, -1), (self._tariff, 1), (self._cap, 1))
        ]
        rho = np.concatenate([self._rho[rows], self._rho[rows]])
        trade, price = np.zeros_like(both), np.zeros_like(both)
        agree(both, twin, rho, double[0], double[1], double[2], trade, price)
        self.others_price[rows] = price[count:]
        trade, price = trade[:count], price[:count]
        self._moved[rows] = ((price - self.price[rows]) ** 2).sum(axis=1)
        self.trade[rows], self.price[rows] = trade, price
        self._reweigh(rows)

    def _reweigh(self, rows: IntArray) -> None:
        """Both ends do the same here: they know the same trades, numbers and scales."""
        for row in rows:
            weights = self._rho[row] / self._scale_in[row]
            if self._tuning.reweighs(int(self._version[row])):
                weights = self._tuning.weights(self.trade[row])
            self._scale_in[row] = self._scale_of[row]
            before, self._rho[row] = self._rho[row].copy(), weights * self._scale_of[row]
            self._other[row] = (self._other[row] + self.trade[row]) * before / self._rho[row] - self.trade[row]
        self._offer[rows] = self.trade[rows] + self.price[rows] / self._rho[rows]

    def _hear_operator(self) -> None:
        """Prices as of now; plans stay, and proposals follow from them in the new scale."""
        assert self._news is not None
        assert self._news_of_bus is not None
        self._answered = self._news.version
        self._grid_price, self._bus_price = np.array(self._news.price), np.array(self._news_of_bus.price)
        old, new = self._seen_scale, self._news.scale
        less = 1 / old - 1 / new
        self._imports = self._imports - less * self._grid_price / self._tuning.grid
        self._draws = self._draws - less * self._bus_price / self._tuning.bus
        self._seen_scale = new

    def _speak(self, fresh: BoolArray) -> None:
        for name, row in self._row.items():
            if fresh[row]:
                offer = Offer(int(self._version[row]), tuple(self._offer[row].tolist()), self._seen_scale)
                self._said[row] = [*self._said[row][-1:], offer]
                self._post.send(name, offer)
        self._wishes += 1
        self._say_wish()

    def _say_wish(self) -> None:
        self._post.send(
            OPERATOR,
            Wish(
                self._wishes,
                tuple(self.m[0].tolist()),
                tuple(self.n[0].tolist()),
                float(self._mismatch.max()),
                float(max(self._own_step, self._stepped.max())),
                float(self._moved.sum()),
                self.done,
            ),
        )

    def _repeat(self) -> None:
        """Say again what may not have arrived: on each link the last offer, and the one before, which the other may lack."""
        for name, row in self._row.items():
            for offer in self._said[row]:
                self._post.send(name, offer)
        self._say_wish()


class OperatorAgent:
    """The operator: knows the feeder, who is at which bus, and what it is told.

    Parameters
    ----------
    post
        Its face of the network.
    names
        Of the members.
    operator
        How it answers.
    units, tuning
        As everybody's.
    tolerance
        Of the stopping rule.

    Attributes
    ----------
    rounds
        Answers given.
    history
        Residuals by round, as in `History`.
    """

    def __init__(
        self,
        post: Post[Message],
        names: Sequence[str],
        operator: Operator,
        units: Units,
        tuning: Tuning,
        tolerance: float,
    ) -> None:
        self._post, self._names, self._operator = post, list(names), operator
        self._units, self._tuning, self._tolerance = units, tuning, tolerance
        self._at = {name: position for position, name in enumerate(names)}
        self._wishes: list[Wish | None] = [None] * len(self._names)
        self._news: set[str] = set()
        self._since, self._scale, self._moved, self._said = 0, 1.0, np.inf, False
        self._leaving: set[str] = set()
        self.rounds, self.done, self.stopped = 0, False, False
        self.history: list[tuple[float, float, float, float]] = []

    @property
    def ready(self) -> bool:
        """Whether all have spoken, as of `MemberAgent`."""
        self._listen()
        return len(self._leaving if self.stopped else self._news) == len(self._names)

    @property
    def wishes(self) -> tuple[FloatArray, FloatArray]:
        """What members would import, and draw at their buses, as it was heard last, ``[member, hour]``."""
        wishes = [wish for wish in self._wishes if wish is not None]
        return np.array([wish.imports for wish in wishes]), np.array([wish.draws for wish in wishes])

    def step(self) -> None:
        """Hear; answer if all have spoken or time is up; end when the stopping rule is met and all know it."""
        self._listen()
        self._since += 1
        if self.stopped:
            self.done = len(self._leaving) == len(self._names)
            if not self.done and self._since % REPEAT == 0:
                self._announce()
            return
        if any(wish is None for wish in self._wishes):
            return
        if len(self._news) == len(self._names) or (self._news and self._since > PATIENCE):
            self._answer()
        elif self._since % REPEAT == 0:
            self._announce()

    def _listen(self) -> None:
        for sender, message in self._post.receive():
            if isinstance(message, Wish) and is_sound(message, self._operator.grid_price.size):
                self._hear(sender, message)

    def _hear(self, sender: str, wish: Wish) -> None:
        at = self._at[sender]
        if wish.done:
            self._leaving.add(sender)
        known = self._wishes[at]
        if known is None or wish.version > known.version:
            self._wishes[at] = wish
            self._news.add(sender)

    def _answer(self) -> None:
        wishes = [wish for wish in self._wishes if wish is not None]
        imports, draws = self.wishes
        if not self.rounds:
            self._imports, self._draws = imports, draws
        else:
            step, others = self._judge(wishes, imports, draws)
            if max(step, others) <= self._tolerance:
                self.stopped = True
                self._announce()
                return
            above_m, above_n, relax = *self._above(), self._tuning.relaxation
            said = np.array([name in self._news for name in self._names])[:, None]
            self._imports = self._imports + said * relax * (imports - self._imports + above_m)
            self._draws = self._draws + said * relax * (draws - self._draws + above_n)
        self._moved = self._operator.answer(self._imports, self._draws)
        if self.rounds and self._tuning.raises(self.rounds, step, others, self._tolerance):
            self._raise()
        self.rounds += 1
        self._since = 0
        self._news.clear()
        self._announce()

    def _above(self) -> tuple[FloatArray, FloatArray]:
        """How far proposals are above what was permitted: ``[hour]`` and ``[member, hour]``."""
        operator = self._operator
        return operator.grid_price / operator.rg, (operator.bus_price[:, operator.grid.bus] / operator.rb).T

    def _raise(self) -> None:
        before = self._above()
        self._scale *= self._tuning.raise_by
        self._operator.rg, self._operator.rb = self._tuning.grid * self._scale, self._tuning.bus * self._scale
        after = self._above()
        self._imports = self._imports - before[0] + after[0]
        self._draws = self._draws - before[1] + after[1]

    def _judge(self, wishes: list[Wish], imports: FloatArray, draws: FloatArray) -> tuple[float, float]:
        """The primal step, and the largest of the other residuals."""
        kw = self._units.kw
        mismatched = max(wish.mismatch for wish in wishes) * kw
        unbalanced = self._operator.mismatch(imports, draws) * kw
        step = max(wish.step for wish in wishes) * kw
        moved = float(np.sqrt(sum(wish.moved for wish in wishes) + self._moved)) * self._units.price * CENTS
        self.history.append((mismatched, unbalanced, step, moved))
        return step, max(mismatched, unbalanced, moved)

    def _announce(self) -> None:
        """The price of imports to all, and to the members at each bus its multiplier."""
        operator = self._operator
        grid = GridPrice(self.rounds, tuple(operator.grid_price.tolist()), self._scale, self.stopped)
        for name in self._names:
            self._post.send(name, grid)
        for bus in np.unique(operator.grid.bus):
            price = BusPrice(self.rounds, tuple(operator.bus_price[:, bus].tolist()))
            for member in np.flatnonzero(operator.grid.bus == bus):
                self._post.send(self._names[member], price)


def _one(members: Members, position: int) -> Members:
    """One member's rows."""
    mine = slice(position, position + 1)
    return Members(**{each.name: np.ascontiguousarray(getattr(members, each.name)[mine]) for each in fields(members)})
