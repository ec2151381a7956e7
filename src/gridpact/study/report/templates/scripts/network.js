// Charts of the network: load duration, the feeder as a tree or on the map, the voltage profile.

const duration = (run, width) => {
  const { share, reference, runs } = data.duration;
  const pairs = (values) => values.map((value, at) => [share[at], value]);
  const zero = {
    ...quiet,
    type: "line",
    showSymbol: false,
    data: [
      [0, 0],
      [100, 0],
    ],
    lineStyle: { color: "var(--faint)", width: 1 },
  };
  return {
    height: width < 520 ? 280 : 380,
    option: frame({
      grid: area(),
      tooltip: tooltip({
        trigger: "axis",
        axisPointer: pointer,
        formatter: (found) => {
          const at = found[0].dataIndex;
          const told = data.mechanisms.map((name, n) => [name, `${format(runs[n][at], 1)} kW`, mark(n)]);
          return rows(`${format(share[at], 1)} % of the time at or above`, [
            ["before any trade", `${format(reference[at], 1)} kW`],
            ...told,
          ]);
        },
      }),
      xAxis: valueAxis({ min: 0, max: 100, ...below("share of the time, %") }),
      yAxis: valueAxis({ ...named("kW, import above zero", 52) }),
      series: [
        ...lines(run, (at) => pairs(runs[at])),
        {
          type: "line",
          name: "before any trade",
          data: pairs(reference),
          showSymbol: false,
          silent: true,
          z: 6,
          emphasis: { disabled: true },
          lineStyle: { color: "var(--ink)", width: 1.6, type: [1.5, 3.5], cap: "round" },
        },
        zero,
      ],
    }),
  };
};

const grid = data.grid;
const centre = (grid.v_min + grid.v_max) / 2;
const half = (grid.v_max - grid.v_min) / 2 || 1;
const reach = ends(grid.distance)[1] || 1;
const xRange = { min: -0.02 * reach, max: 1.03 * reach };
const side = (width) => (width < 520 ? 44 : 52);
const drawn = grid.branches
  .map((_, at) => at)
  .filter((at) => known(grid.distance[grid.ends[0][at]]) && known(grid.distance[grid.ends[1][at]]));

/** The most buses that share a row: how crowded the tree is. */
const perRow = new Map();
grid.row.forEach((row) => perRow.set(row, (perRow.get(row) || 0) + 1));
const trunk = Math.max(...perRow.values());

/** How near the worse of two voltages comes to its limit: −1 at the lower, +1 at the upper. */
const stress = (state, bus) => {
  const down = (state.low[bus] - centre) / half;
  const up = (state.high[bus] - centre) / half;
  return Math.abs(down) > Math.abs(up) ? down : up;
};
const tint = (value) =>
  `color-mix(in oklab, var(${value < 0 ? "--low" : "--high"}) ${Math.round(100 * Math.min(Math.abs(value), 1))}%, var(--middle))`;
const outside = (state, bus) => state.low[bus] < grid.v_min || state.high[bus] > grid.v_max;
const busTip = (run, bus) => {
  const band = (state) => `${format(state.low[bus], 4)} to ${format(state.high[bus], 4)} p.u.`;
  const at = grid.members[bus] || [];
  const who = at.length
    ? [["members", at.slice(0, 6).join(", ") + (at.length > 6 ? ` and ${at.length - 6} more` : "")]]
    : [];
  return rows(`bus ${grid.buses[bus]}`, [
    [data.mechanisms[run], band(grid.runs[run])],
    ["before any trade", band(grid.reference)],
    ...who,
  ]);
};
const branchTip = (run, branch) =>
  rows(grid.branches[branch], [
    [data.mechanisms[run], percent(grid.runs[run].loading[branch], 1)],
    ["before any trade", percent(grid.reference.loading[branch], 1)],
  ]);

const branches = (run, place, elbow) => ({
  type: "custom",
  z: 2,
  data: drawn,
  encode: { x: -1, y: -1 },
  clip: false,
  tooltip: { formatter: ({ dataIndex }) => branchTip(run, drawn[dataIndex]) },
  renderItem: ({ dataIndex }, api) => {
    const branch = drawn[dataIndex];
    const loading = grid.runs[run].loading[branch] / (grid.loading_limit || 1);
    let [from, to] = [grid.ends[0][branch], grid.ends[1][branch]];
    if (grid.distance[from] > grid.distance[to]) [from, to] = [to, from];
    const [start, end] = [api.coord(place(from)), api.coord(place(to))];
    return {
      type: "polyline",
      shape: { points: elbow ? [start, [start[0], end[1]], end] : [start, end] },
      style: {
        fill: "none",
        stroke:
          loading > 1
            ? "var(--bad)"
            : `color-mix(in oklab, var(--ink) ${Math.round(70 * Math.min(loading, 1))}%, var(--wire))`,
        lineWidth: 1.4 + 5 * Math.min(loading, 1.2),
        lineJoin: "round",
        lineCap: "round",
      },
    };
  },
});

const buses = (run, place, size) => {
  const state = grid.runs[run];
  return {
    type: "scatter",
    z: 4,
    emphasis: { disabled: true },
    clip: false,
    tooltip: { formatter: ({ data: { bus } }) => busTip(run, bus) },
    data: grid.buses
      .map((_, bus) => bus)
      .filter((bus) => known(place(bus)[0]) && known(place(bus)[1]))
      .map((bus) => ({
        bus,
        value: place(bus),
        symbol: bus === grid.source ? "rect" : "circle",
        symbolSize:
          bus === grid.source ? [7, 22] : outside(state, bus) ? size * 1.15 : grid.members[bus] ? size : size * 0.6,
        itemStyle: {
          opacity: 1,
          color: bus === grid.source ? "var(--ink)" : tint(stress(state, bus)),
          borderColor: outside(state, bus) ? "var(--ink)" : "var(--paper)",
          borderWidth: (outside(state, bus) ? 0.2 : 0.12) * size,
        },
      })),
  };
};

const feeder = (run, width) => {
  const map = onMap;
  const leaves = ends(grid.row)[1] + 1;
  const tall = Math.max(200, Math.min(leaves * (width < 520 ? 13 : 17), 720));
  const dot = Math.max(5, Math.min(11, (tall / leaves) * 0.62, (0.8 * (width - side(width))) / trunk));
  const place = map ? (bus) => [grid.xy[0][bus], grid.xy[1][bus]] : (bus) => [grid.distance[bus], grid.row[bus]];
  const hidden = { type: "value", show: false };
  let x = { ...hidden, ...xRange };
  let y = { ...hidden, inverse: true, min: -0.6, max: Math.max(leaves - 0.4, 0.6) };
  if (map) [x, y] = equalAxes(grid.xy.map(ends), width - 2 * side(width), 460, { show: false });
  return {
    height: map ? 500 : tall + 16,
    option: frame({
      grid: area({ left: side(width), right: map ? side(width) : 20, top: map ? 20 : 8, bottom: map ? 20 : 8 }),
      tooltip: tooltip({ trigger: "item" }),
      xAxis: x,
      yAxis: y,
      series: [branches(run, place, !map), buses(run, place, dot)],
    }),
  };
};

const voltage = (run, width) => {
  const now = grid.runs[run];
  const [low, high] = ends([
    grid.v_min,
    grid.v_max,
    ...now.low,
    ...now.high,
    ...grid.reference.low,
    ...grid.reference.high,
  ]);
  const margin = 0.1 * (high - low);
  const level = (value, name) => ({
    ...quiet,
    type: "line",
    data: [
      [xRange.max, value],
      [xRange.min, value],
    ],
    showSymbol: false,
    z: 6,
    lineStyle: { color: "var(--bad)", width: 1.2, type: [6, 5] },
    // drawn towards the source, since the label stands at the end: voltages spread the other way and would run through it
    endLabel: { ...note(name, "var(--bad)", 0), align: "left", offset: [2, value > centre ? -9 : 9] },
  });
  const edge = (state, stroke, kind) => ({
    ...quiet,
    type: "custom",
    data: drawn,
    encode: { x: -1, y: -1 },
    z: { band: 2, line: 3, dots: 4 }[kind],
    renderItem: ({ dataIndex }, api) => {
      const [a, b] = [grid.ends[0][drawn[dataIndex]], grid.ends[1][drawn[dataIndex]]];
      const at = (bus, value) => api.coord([grid.distance[bus], value]);
      const [la, lb, ha, hb] = [at(a, state.low[a]), at(b, state.low[b]), at(a, state.high[a]), at(b, state.high[b])];
      const line = (points) => ({
        type: "polyline",
        shape: { points },
        style: {
          fill: "none",
          stroke,
          lineWidth: kind === "line" ? 1.8 : 1.5,
          lineDash: kind === "line" ? null : [1.5, 3.5],
          lineCap: "round",
        },
      });
      const tone = `color-mix(in srgb, ${stroke} 13%, var(--paper))`;
      const band = {
        type: "polygon",
        shape: { points: [la, lb, hb, ha] },
        style: { fill: tone, stroke: tone, lineWidth: 1 },
      };
      return kind === "band" ? band : { type: "group", children: [line([la, lb]), line([ha, hb])] };
    },
  });
  const dots = {
    type: "scatter",
    z: 5,
    symbolSize: width < 520 ? 4 : 5,
    emphasis: { disabled: true },
    itemStyle: { color: data.colours[run], opacity: 1 },
    tooltip: { formatter: ({ data: { bus } }) => busTip(run, bus) },
    data: grid.buses.flatMap((_, bus) =>
      known(grid.distance[bus])
        ? [now.low, now.high].map((values) => ({ bus, value: [grid.distance[bus], values[bus]] }))
        : [],
    ),
  };
  return {
    height: width < 520 ? 290 : 330,
    option: frame({
      grid: area({ left: side(width) }),
      tooltip: tooltip({ trigger: "item" }),
      xAxis: valueAxis({
        ...xRange,
        ...below(`electrical distance from the source, % at ${grid.distance_unit}`),
        axisLabel: { showMinLabel: false, showMaxLabel: false, formatter: (value) => (value < 0 ? "" : String(value)) },
      }),
      yAxis: valueAxis({
        ...named("voltage, p.u.", side(width)),
        min: low - margin,
        max: high + margin,
        axisLabel: {
          showMinLabel: false,
          showMaxLabel: false,
          formatter: (value) => format(value, high - low < 0.05 ? 3 : 2),
        },
      }),
      series: [
        level(grid.v_min, `lower limit ${format(grid.v_min, 2)}`),
        level(grid.v_max, `upper limit ${format(grid.v_max, 2)}`),
        edge(now, data.colours[run], "band"),
        edge(now, data.colours[run], "line"),
        edge(grid.reference, "var(--ink)", "dots"),
        dots,
      ],
    }),
  };
};
