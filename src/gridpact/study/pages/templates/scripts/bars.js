// Groups of bars over named categories, beside each other or stacked, with error bars.

const categories = (names, slot, more) => ({
  type: "category",
  data: names,
  axisTick: { show: false },
  axisLine: { onZero: true, lineStyle: { color: "var(--faint)" } },
  axisLabel: { ...label, fontSize: 11, show: slot >= 13, interval: 0, ...more },
});

/** Where each bar of a category starts and ends: on the floor, or, stacked, on those before it. */
const stretches = (groups, stacked, count, floor) => {
  const [up, down] = [new Array(count).fill(0), new Array(count).fill(0)];
  return groups.map(({ values }) =>
    values.map((value, at) => {
      if (!stacked || !known(value)) return [floor, value];
      const heap = value < 0 ? down : up;
      heap[at] += value;
      return [heap[at] - value, heap[at]];
    }),
  );
};

const bars = (chart, width) => {
  const { categories: names, stacked } = chart;
  const lying = (values) => values && along(chart.y, values);
  const groups = chart.groups.map((group) => ({
    ...group,
    values: lying(group.values),
    low: lying(group.low),
    high: lying(group.high),
  }));
  const all = groups.flatMap(({ values, low, high }) => [...values, ...(low || []), ...(high || [])]);
  const yAxis = scaled(chart.y, named(chart.y.name, 56), all);
  const left = 56;
  const slot = (width - left - 20) / names.length;
  const ruler = document.createElement("canvas").getContext("2d");
  ruler.font = `11px ${FONT}`;
  const longest = Math.ceil(Math.max(...names.map((name) => ruler.measureText(name).width)));
  const broken = slot >= 72 && longest > slot - 8;
  const turned = !broken && longest > slot - 8;
  const room = turned ? Math.min(longest + 16, 180) : 12 + 14 * (broken ? Math.ceil(longest / (slot - 20)) : 1);
  const fit = turned
    ? { rotate: 90, width: room - 12, overflow: "truncate" }
    : { width: slot - 8, overflow: "break", lineHeight: 14 };
  const side = stacked ? 1 : groups.length;
  const reach = stretches(groups, stacked, names.length, chart.y.log ? yAxis.min : 0);
  const thick = Math.min((slot * 0.8) / side, 46);
  const group = ({ name, colour, low, high }, place) => ({
    type: "custom",
    name,
    z: 3,
    emphasis: { disabled: true },
    data: reach[place].map(([start, end], at) => [at, start, end, low ? low[at] : null, high ? high[at] : null]),
    encode: { x: 0, y: low ? [1, 2, 3, 4] : [1, 2] },
    renderItem: (_, api) => {
      const [at, start, end, bottom, top] = [0, 1, 2, 3, 4].map((column) => api.value(column));
      if (!known(end)) return { type: "group", children: [] };
      const middle = api.coord([at, end])[0] + (stacked ? 0 : (place - (side - 1) / 2) * thick);
      const [from, to] = [start, end].map((value) => api.coord([at, value])[1]);
      const gap = thick > 6 ? 1 : 0.2;
      const shape = {
        x: middle - thick / 2 + gap,
        y: Math.min(from, to),
        width: Math.max(thick - 2 * gap, 0.5),
        height: Math.abs(from - to),
      };
      const error = known(bottom) && known(top) ? [bottom, top].map((value) => [middle, api.coord([at, value])[1]]) : null;
      return {
        type: "group",
        children: [{ type: "rect", shape, style: { fill: colour } }, ...(error ? [whisker(...error, "var(--ink)")] : [])],
      };
    },
  });
  return {
    height: (width < 520 ? 230 : 290) + room + 26,
    empty: names.length ? "" : "Nothing to show.",
    option: frame({
      grid: area({ left, bottom: room + 26 }),
      tooltip: tooltip({
        trigger: "axis",
        axisPointer: { type: "shadow", shadowStyle: { color: "var(--faint)", opacity: 0.15 } },
        formatter: ([{ dataIndex: at }]) =>
          rows(
            names[at],
            chart.groups.map(({ name, values, low, high, colour }) => [
              name,
              measure(values[at]) + (low ? ` (${measure(low[at])} to ${measure(high[at])})` : ""),
              { colour },
            ]),
          ),
      }),
      xAxis: {
        ...categories(names, slot, fit),
        name: chart.axis,
        nameLocation: "middle",
        nameGap: slot >= 13 ? room : 10,
        nameTextStyle: label,
      },
      yAxis,
      series: groups.map(group),
    }),
  };
};
