// Coloured cells, and nodes with links.

const heat = (chart, width, id) => {
  const { columns, rows: lines, axes, values, unit, diverging, digits, outlines } = chart;
  const [least, most] = ends(values.flat());
  const reach = Math.max(Math.abs(least), Math.abs(most)) || 1;
  const span = most - least || 1;
  const part = (value) => (diverging ? Math.abs(value) / reach : (value - least) / span);
  const fill = (value) =>
    diverging
      ? `color-mix(in oklab, var(${value < 0 ? "--low" : "--high"}) ${Math.round(90 * part(value))}%, var(--middle))`
      : `color-mix(in oklab, var(--run-0) ${Math.round(8 + 82 * part(value))}%, var(--paper))`;
  const longest = Math.max(...lines.map((name) => name.length)) * 6.6;
  const left = Math.min(longest + 20, width < 520 ? 0.38 * width : 250);
  const column = Math.min(Math.max((width - left - 8) / columns.length, 4), 96);
  const line = Math.min(Math.max(22, column * 0.5, 13 * Math.ceil(longest / (left - 24)) + 4), 40);
  const [across, tall] = [column * columns.length, line * lines.length];
  const widest = Math.max(...columns.map((name) => name.length)) * 6.6;
  // Where there is no room for all names of columns, numbers leave some out and others are turned.
  const numbers = columns.every((name) => !Number.isNaN(Number(name)));
  const turned = !numbers && widest > column - 4;
  const every = Math.ceil((turned ? 13 : numbers ? widest + 8 : 1) / column);
  const top = turned ? 92 : 44;
  const written = column > 44;
  const [low, high] = diverging ? [-reach, reach] : [least, most];
  const stops = [0, 0.25, 0.5, 0.75, 1].map((at) => fill(low + at * (high - low))).join(",");
  element(`${id}-scale`).innerHTML =
    `<span>${escape(format(low, digits))}<i style="width:9rem;background:linear-gradient(to right in oklab,${stops})"></i>` +
    `${escape(format(high, digits))} ${escape(unit)}</span>`;
  // The edges between cells of a set and all others, a little inside of the set so that two outlines do not hide each other.
  const edges = ({ cells, colour }) => ({
    type: "custom",
    silent: true,
    tooltip: { show: false },
    z: 5,
    data: cells.flatMap((row, y) => row.map((inside, x) => [x, y, inside]).filter(([, , inside]) => inside)),
    encode: { x: 0, y: 1 },
    renderItem: (_, api) => {
      const [x, y] = [api.value(0), api.value(1)];
      const [middleX, middleY] = api.coord([x, y]);
      const [west, east, north, south] = [middleX - column / 2 + 1.5, middleX + column / 2 - 1.5, middleY - line / 2 + 1.5, middleY + line / 2 - 1.5];
      const open = (dx, dy) => !cells[y + dy]?.[x + dx];
      const drawn = [
        [open(-1, 0), west, north, west, south],
        [open(1, 0), east, north, east, south],
        [open(0, -1), west, north, east, north],
        [open(0, 1), west, south, east, south],
      ];
      const style = { stroke: colour, lineWidth: 2 };
      const children = drawn
        .filter(([wanted]) => wanted)
        .map(([, x1, y1, x2, y2]) => ({ type: "line", shape: { x1, y1, x2, y2 }, style }));
      return { type: "group", children };
    },
  });
  const side = (names, more) => ({
    type: "category",
    data: names,
    axisLine: { show: false },
    axisTick: { show: false },
    nameTextStyle: label,
    ...more,
  });
  return {
    height: top + tall + 8,
    empty: lines.length && columns.length ? "" : "Nothing to show.",
    option: frame({
      grid: { left, top, width: across, height: tall, outerBoundsMode: "none" },
      tooltip: tooltip({
        trigger: "item",
        formatter: ({ value: [x, y, value] }) =>
          rows(`${axes[0]} ${columns[x]}, ${axes[1]} ${lines[y]}`, [[unit, measure(value)]]),
      }),
      xAxis: side(columns, {
        position: "top",
        name: axes[0],
        nameLocation: "middle",
        nameGap: top - 20,
        axisLabel: { ...label, interval: every - 1, rotate: turned ? 90 : 0, overflow: "truncate", width: turned ? 60 : column * every },
      }),
      yAxis: side(lines, { inverse: true, axisLabel: { ...label, fontSize: 11, lineHeight: 12, overflow: "break", width: left - 16 } }),
      series: [
        {
          type: "custom",
          emphasis: { disabled: true },
          data: values.flatMap((row, y) => row.map((value, x) => [x, y, value]).filter(([, , value]) => known(value))),
          encode: { x: 0, y: 1 },
          renderItem: (_, api) => {
            const [x, y] = api.coord([api.value(0), api.value(1)]);
            const value = api.value(2);
            const shape = { x: x - column / 2 + 0.5, y: y - line / 2 + 0.5, width: column - 1, height: line - 1 };
            const word = {
              type: "text",
              style: {
                text: format(value, digits),
                x,
                y,
                align: "center",
                verticalAlign: "middle",
                fill: part(value) > 0.55 ? "var(--paper)" : "var(--ink)",
                font: `12px ${FONT}`,
              },
            };
            return { type: "group", children: [{ type: "rect", shape, style: { fill: fill(value) } }, ...(written ? [word] : [])] };
          },
        },
        ...outlines.map(edges),
      ],
    }),
  };
};

const network = (chart, width) => {
  const { nodes, links, colours, groups, weight } = chart;
  const narrow = width < 520;
  const heaviest = Math.max(...links.map((link) => Math.abs(link.weight)), 0) || 1;
  const xs = ends(nodes.map(({ x }) => x));
  const ys = ends(nodes.map(({ y }) => y));
  const margin = Math.min(Math.max(...nodes.map(({ name }) => name.length)) * 7 + 24, narrow ? 84 : 150);
  const tall = narrow ? 280 : 380;
  const crowd = Math.min(1, Math.sqrt(40 / nodes.length));
  const [xAxis, yAxis] = equalAxes([xs, ys], Math.max(width - 2 * margin, 80), tall - 60, { show: false });
  const middle = (xs[0] + xs[1]) / 2;
  const beside = ({ x, y }) => {
    if (Math.abs(x - middle) < 0.1 * (xs[1] - xs[0])) return y < (ys[0] + ys[1]) / 2 ? "bottom" : "top";
    return x < middle ? "left" : "right";
  };
  const line = {
    type: "custom",
    z: 2,
    data: links.map(({ a, b }) => [nodes[a].x, nodes[a].y, nodes[b].x, nodes[b].y]),
    encode: { x: [0, 2], y: [1, 3] },
    clip: false,
    tooltip: {
      formatter: ({ dataIndex }) => {
        const { a, b, weight: size, note: told } = links[dataIndex];
        return rows(`${nodes[a].name} – ${nodes[b].name}`, [[weight, measure(size)], ...(told ? [["", told]] : [])]);
      },
    },
    renderItem: ({ dataIndex }, api) => {
      const [start, end] = [api.coord([api.value(0), api.value(1)]), api.coord([api.value(2), api.value(3)])];
      return {
        type: "line",
        shape: { x1: start[0], y1: start[1], x2: end[0], y2: end[1] },
        style: {
          stroke: "var(--wire)",
          lineWidth: 1 + (6 * crowd * Math.abs(links[dataIndex].weight)) / heaviest,
          lineCap: "round",
          opacity: 0.8,
        },
      };
    },
  };
  const dots = {
    type: "scatter",
    z: 4,
    emphasis: { disabled: true },
    clip: false,
    labelLayout: { hideOverlap: true },
    tooltip: {
      formatter: ({ dataIndex }) => {
        const { name, group, note: told } = nodes[dataIndex];
        return rows(name, [["", groups[group]], ...(told ? [["", told]] : [])]);
      },
    },
    data: nodes.map((node) => ({
      value: [node.x, node.y],
      symbolSize: 15 * crowd * Math.sqrt(Math.max(node.size, 0.05)),
      itemStyle: { color: colours[node.group], borderColor: "var(--paper)", borderWidth: 1.5, opacity: 1 },
      label: {
        show: true,
        formatter: node.name,
        position: beside(node),
        color: "var(--ink)",
        fontFamily: FONT,
        fontSize: 12,
        width: margin - 14,
        overflow: "truncate",
        textBorderColor: "var(--paper)",
        textBorderWidth: 3,
      },
    })),
  };
  return {
    height: tall,
    empty: nodes.length ? "" : "Nothing to show.",
    option: frame({
      grid: { left: margin, right: margin, top: 30, bottom: 30, outerBoundsMode: "none" },
      tooltip: tooltip({ trigger: "item" }),
      xAxis,
      yAxis,
      series: [line, dots],
    }),
  };
};
