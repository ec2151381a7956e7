// Curves, clouds and areas over two axes.

const SHAPES = {
  circle: "circle",
  ring: "circle",
  square: "rect",
  triangle: "triangle",
  diamond: "diamond",
  cross: "path://M0,0L10,10M10,0L0,10",
  star: "path://M5,0V10M0.7,2.5L9.3,7.5M9.3,2.5L0.7,7.5",
};
const OUTLINED = new Set(["ring", "cross", "star"]);
const DASHES = { dashed: [7, 5], dotted: [1.5, 4] };
const MANY_POINTS = 40;
const RAISED = Object.fromEntries([..."-0123456789"].map((c, at) => [c, "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"[at]]));

const raised = (exponent) => `10${[...String(exponent)].map((c) => RAISED[c]).join("")}`;
/** A number of unknown size in a few digits. */
const measure = (value) => {
  if (!known(value)) return "\u2013";
  const size = Math.abs(value);
  if (size >= 1000 || value === 0) return format(value, 0);
  if (size >= 1e-4) return format(value, Math.max(0, 2 - Math.floor(Math.log10(size)))).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
  const exponent = Math.floor(Math.log10(size));
  return `${format(value / 10 ** exponent, 1)}\u00a0·\u00a0${raised(exponent)}`;
};
const short = (value) => {
  const size = Math.abs(value);
  if (size >= 1e6) return `${tick(value / 1e6)}\u00a0M`;
  if (size >= 1e4) return `${tick(value / 1e3)}\u00a0k`;
  return size > 0 && size < 1e-3 ? raised(Math.round(Math.log10(size))) : tick(value);
};
const isShared = (curves) => curves.every(({ x, style }) => style !== "points" && String(x) === String(curves[0].x));

/** Values as they lie along an axis: logarithms on a logarithmic one; what has no place becomes null. */
const along = ({ log }, values) => values?.map((value) => (!known(value) || (log && value <= 0) ? null : log ? Math.log10(value) : value));
const placed = (chart) => {
  const part = ({ x, y, low, high, ...more }) => ({
    ...more,
    x: along(chart.x, x),
    y: along(chart.y, y),
    low: low && along(chart.y, low),
    high: high && along(chart.y, high),
  });
  return {
    curves: chart.curves.map(part),
    regions: chart.regions.map(part),
    levels: chart.levels.map((level) => ({ ...level, at: along(chart[level.axis], [level.at])[0] })),
  };
};
const complete = (row) => row.every(known);

/** A filled polygon through rows of x and y; `rows` also set the ends of the axes. */
const polygon = (rows, corners, fill, opacity) => ({
  ...quiet,
  type: "custom",
  clip: true,
  z: 1,
  data: rows,
  encode: { x: 0, y: rows.length && rows[0].length > 2 ? [1, 2] : 1 },
  renderItem: ({ dataIndex }, api) =>
    dataIndex > 0
      ? { type: "group", children: [] }
      : { type: "polygon", shape: { points: corners.map((corner) => api.coord(corner)) }, style: { fill, opacity } },
});
const band = ({ x, low, high, colour }) => {
  const rows = x.map((at, n) => [at, low[n], high[n]]).filter(complete);
  const corners = [...rows.map(([at, , top]) => [at, top]), ...rows.map(([at, bottom]) => [at, bottom]).reverse()];
  return polygon(rows, corners, colour, 0.16);
};
const whisker = (start, end, stroke, half = 3) => ({
  type: "path",
  shape: {
    pathData: `M${start[0]},${start[1]}L${end[0]},${end[1]}M${start[0] - half},${start[1]}h${2 * half}M${end[0] - half},${end[1]}h${2 * half}`,
  },
  style: { fill: "none", stroke, lineWidth: 1.4 },
});
const whiskers = ({ x, low, high, colour }) => ({
  ...quiet,
  type: "custom",
  z: 3,
  data: x.map((at, n) => [at, low[n], high[n]]).filter(complete),
  encode: { x: 0, y: [1, 2] },
  renderItem: (_, api) =>
    whisker(api.coord([api.value(0), api.value(1)]), api.coord([api.value(0), api.value(2)]), colour),
});
const level = ({ axis, at, text }) => ({
  ...quiet,
  type: "custom",
  z: 2,
  data: [[at, at]],
  encode: axis === "y" ? { x: -1, y: 1 } : { x: 0, y: -1 },
  renderItem: ({ coordSys: { x, y, width, height } }, api) => {
    const across = axis === "y";
    const place = api.coord([at, at])[across ? 1 : 0];
    const ends = across ? { x1: x, y1: place, x2: x + width, y2: place } : { x1: place, y1: y, x2: place, y2: y + height };
    const onLeft = !across && place > x + 0.7 * width;
    return {
      type: "group",
      children: [
        { type: "line", shape: ends, style: { stroke: "var(--soft)", lineWidth: 1.2, lineDash: [2, 4] } },
        {
          type: "text",
          style: {
            text,
            x: across ? x + width - 4 : place + (onLeft ? -5 : 5),
            y: across ? place - 4 : y + 3,
            align: across || onLeft ? "right" : "left",
            verticalAlign: across ? "bottom" : "top",
            fill: "var(--soft)",
            font: `12px ${FONT}`,
            stroke: "var(--paper)",
            lineWidth: 3,
          },
        },
      ],
    };
  },
});
const curve = ({ name, x, y, style, colour, symbol }, sparse) => {
  const points = style === "points";
  const outlined = OUTLINED.has(symbol);
  return {
    type: points ? "scatter" : "line",
    name,
    data: x.map((at, n) => [at, y[n]]),
    step: style === "step" ? "end" : false,
    symbol: SHAPES[symbol] || "circle",
    symbolSize: points ? (x.length > MANY_POINTS ? 5 : symbol === "ring" ? 16 : 11) : 6,
    showSymbol: sparse,
    z: points ? 5 : 4,
    emphasis: { disabled: true },
    lineStyle: { color: colour, width: 2.2, type: DASHES[style] || "solid", cap: style === "dotted" ? "round" : "butt" },
    itemStyle: {
      color: points && outlined ? "transparent" : colour,
      borderColor: outlined ? colour : "var(--paper)",
      borderWidth: outlined ? 2.4 : points && x.length <= MANY_POINTS ? 1 : 0,
      opacity: points && x.length > 4 * MANY_POINTS ? 0.6 : 1,
    },
  };
};

/** Where a logarithmic axis is marked between two exponents: at so many numbers of a decade as there is room for. */
const marks = (low, high) => {
  const span = high - low;
  const digits = span < 0.7 ? [1, 1.5, 2, 3, 4, 5, 7] : span < 1.6 ? [1, 2, 5] : span < 2.6 ? [1, 3] : [1];
  const decades = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, at) => Math.floor(low) + at);
  const found = decades.flatMap((decade) => digits.map((digit) => decade + Math.log10(digit)));
  return found.filter((at) => at >= low - 1e-9 && at <= high + 1e-9);
};
const logarithmic = (axis, more, values) => {
  const [least, most] = ends(values);
  const room = more.tight ? 0.02 * (most - least) : 0.05 * (most - least) + 0.02;
  const low = axis.low ? Math.log10(axis.low) : least - room;
  const high = axis.high ? Math.log10(axis.high) : most + room;
  const customValues = marks(low, high);
  return valueAxis({
    min: low,
    max: high,
    ...more,
    axisTick: { show: false, customValues },
    axisLabel: { ...more.axisLabel, customValues, formatter: (exponent) => short(Number((10 ** exponent).toPrecision(3))) },
  });
};
/** An axis over placed values; a tight one ends where they end. */
const scaled = (axis, more, values = []) => {
  if (axis.log) return logarithmic(axis, more, values);
  const [low, high] = ends(values);
  return valueAxis({
    min: axis.low ?? (more.tight ? low : undefined),
    max: axis.high ?? (more.tight ? high : undefined),
    ...more,
    axisLabel: { formatter: short, ...more.axisLabel },
  });
};

/** What the pointer says: of all curves at one x where they share it, else of the point under it. */
const planeTip = (chart) => {
  const value = ({ y, low, high }, at) =>
    measure(y[at]) + (low && known(low[at]) ? ` (${measure(low[at])} to ${measure(high[at])})` : "");
  const told = (given, at) => [given.name, value(given, at), { colour: given.colour, dashed: given.style in DASHES }];
  if (isShared(chart.curves)) {
    return tooltip({
      trigger: "axis",
      axisPointer: pointer,
      formatter: (found) =>
        rows(
          `${chart.x.name}: ${measure(chart.curves[0].x[found[0].dataIndex])}`,
          chart.curves.map((given) => told(given, found[0].dataIndex)),
        ),
    });
  }
  return tooltip({
    trigger: "item",
    formatter: ({ seriesName, dataIndex }) => {
      const given = chart.curves.find(({ name }) => name === seriesName);
      return rows(seriesName, [
        [chart.x.name, measure(given.x[dataIndex])],
        [chart.y.name, value(given, dataIndex)],
      ]);
    },
  });
};

const plane = (chart, width) => {
  const narrow = width < 520;
  const sparse = chart.curves.every(({ x }) => x.length <= MANY_POINTS);
  const left = 56;
  const { curves, regions, levels } = placed(chart);
  const parts = [...curves, ...regions];
  const all = (axis) => parts.flatMap((part) => (axis === "x" ? part.x : [...part.y, ...(part.low || []), ...(part.high || [])]));
  const across = below(chart.x.name);
  let height = narrow ? 290 : 360;
  let [x, y] = [
    scaled(chart.x, { tight: true, ...across, splitNumber: narrow ? 4 : 8 }, all("x")),
    scaled(chart.y, named(chart.y.name, left), all("y")),
  ];
  if (chart.equal) {
    const spans = [all("x"), all("y")].map(ends).map(([low, high]) => [low - 0.06 * (high - low || 1), high + 0.06 * (high - low || 1)]);
    const inner = width - left - 20;
    const tall = Math.min(Math.max((inner * (spans[1][1] - spans[1][0])) / (spans[0][1] - spans[0][0]), 240), narrow ? 340 : 460);
    const hidden = { axisLabel: { ...label, formatter: short, showMinLabel: false, showMaxLabel: false, hideOverlap: true } };
    const [xs, ys] = equalAxes(spans, inner, tall);
    height = tall + 34 + 48;
    x = { ...x, ...xs, ...hidden };
    y = { ...y, ...ys, ...hidden };
  }
  return {
    height,
    empty: chart.curves.length + chart.regions.length ? "" : "Nothing to show.",
    option: frame({
      grid: area({ left }),
      tooltip: planeTip(chart),
      xAxis: x,
      yAxis: y,
      series: [
        ...regions.map(({ x: xs, y: ys, colour }) => {
          const corners = xs.map((at, n) => [at, ys[n]]);
          return polygon(corners, corners, colour, 0.22);
        }),
        ...levels.map(level),
        ...curves.filter(({ low }) => low).map((given) => (given.style === "points" ? whiskers(given) : band(given))),
        ...curves.map((given) => curve(given, sparse)),
      ],
    }),
  };
};
