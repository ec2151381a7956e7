// Charts of the market. A chart takes the run that is shown and its width, and gives its height and what ECharts shall draw.

const day = (run, width) => {
  const { hour, width: bin, import_price, export_price, price, power } = data.day;
  const steps = (values) => [
    ...values.map((value, at) => [hour[at], value]),
    [hour[hour.length - 1] + bin, values[values.length - 1]],
  ];
  const narrow = width < 520;
  const hours = (index, shown) =>
    valueAxis({
      gridIndex: index,
      min: 0,
      max: 24,
      interval: narrow ? 6 : 3,
      ...below(shown ? "local time" : ""),
      axisLabel: { show: shown, formatter: clock },
      ...(shown ? {} : { axisLine: { show: false } }),
    });
  const tariff = (name, values) => ({
    ...quiet,
    type: "line",
    name,
    data: steps(values),
    step: "end",
    showSymbol: false,
    z: 2,
    lineStyle: { color: "var(--faint)", width: 1.4 },
    itemStyle: { color: "var(--faint)" },
    endLabel: note(name.split(" ")[0], "var(--soft)", -9),
  });
  const upper = narrow ? 190 : 220;
  const [, top] = ends(power.flat());
  return {
    height: upper + (narrow ? 190 : 200) + 60,
    option: frame({
      grid: [area({ height: upper - 40, bottom: null }), area({ top: upper + 38 })],
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      tooltip: tooltip({
        trigger: "axis",
        axisPointer: pointer,
        formatter: (found) => {
          const at = Math.min(found[0].dataIndex, hour.length - 1);
          const told = data.mechanisms.map((name, n) => [
            name,
            `${format(price[n][at], 4)} · ${format(power[n][at], 2)} kW`,
            mark(n),
          ]);
          return rows(`${clock(hour[at])} to ${clock(hour[at] + bin)}`, [
            ["import price", format(import_price[at], 4)],
            ["export price", format(export_price[at], 4)],
            ...told,
          ]);
        },
      }),
      xAxis: [hours(0, false), hours(1, true)],
      yAxis: [
        valueAxis({
          ...named(`price, ${data.currency}/kWh`, 52),
          scale: true,
          splitNumber: 4,
          axisLabel: { formatter: (value) => format(value, 2) },
        }),
        valueAxis({ ...named("traded power, kW", 52), gridIndex: 1, splitNumber: 4, max: top > 0 ? null : 1 }),
      ],
      series: [
        tariff("import price", import_price),
        tariff("export price", export_price),
        ...lines(run, (at) => steps(price[at]), { step: "end" }),
        ...lines(run, (at) => steps(power[at]), { step: "end", xAxisIndex: 1, yAxisIndex: 1 }).map((series, at) =>
          at === run ? { ...series, areaStyle: { color: data.colours[at], opacity: 0.13 } } : series,
        ),
      ],
    }),
  };
};

const strongest = data.partners.strongest;
const shade = (kwh) => 0.1 + 0.9 * Math.sqrt(Math.min(kwh / strongest, 1));

const partners = (run, width) => {
  const { sellers, buyers, cells } = data.partners;
  if (!sellers.length) return { height: 140, empty: "Nobody trades.", option: frame({}) };
  const longest = (names) => Math.min(Math.max(...names.map((name) => name.length)) * 7.6 + 12, width < 520 ? 80 : 160);
  const left = longest(sellers) + 18;
  const top = Math.min(longest(buyers), 110) + 22;
  const column = Math.min(Math.max(30, Math.min(64, 480 / buyers.length)), (width - left - 12) / buyers.length);
  const line = Math.min(sellers.length > 12 ? 26 : 34, Math.max(column, sellers.length > 30 ? 9 : 13));
  const [across, height] = [column * buyers.length, line * sellers.length];
  const gap = column > 6 ? 1 : 0.4;
  const traders = (names, more) => ({
    type: "category",
    data: names,
    axisLine: { show: false },
    axisTick: { show: false },
    nameTextStyle: label,
    splitArea: { show: true, areaStyle: { color: ["var(--raised)"] } },
    ...more,
  });
  const room = (size) => ({
    ...label,
    interval: Math.ceil(13 / size) - 1,
    fontSize: size >= 15 ? 12 : 11,
    overflow: "truncate",
  });
  return {
    height: top + height + 8,
    empty: cells[run].length ? "" : `Nobody trades under ${data.mechanisms[run]}.`,
    option: frame({
      grid: { left, top, width: across, height, outerBoundsMode: "none" },
      tooltip: tooltip({
        trigger: "item",
        formatter: ({ value: [column, row, kwh] }) =>
          rows(`${sellers[row]} → ${buyers[column]}`, [["energy", `${format(kwh, 2)} kWh`]]),
      }),
      xAxis: traders(buyers, {
        position: "top",
        axisLabel: { ...room(column), rotate: 90, width: 100 },
      }),
      yAxis: traders(sellers, {
        inverse: true,
        axisLabel: { ...room(line), width: left - 20 },
      }),
      series: [
        {
          type: "custom",
          data: cells[run].map(([row, column, kwh]) => [column, row, kwh]),
          encode: { x: 0, y: 1 },
          z: 3,
          renderItem: (_, api) => {
            const [x, y] = api.coord([api.value(0), api.value(1)]);
            const [w, h] = api.size([1, 1]);
            return {
              type: "rect",
              shape: {
                x: x - w / 2 + gap / 2,
                y: y - h / 2 + gap / 2,
                width: Math.max(w - gap, 0.5),
                height: Math.max(h - gap, 0.5),
              },
              style: { fill: data.colours[run], opacity: shade(api.value(2)) },
              emphasisDisabled: true,
            };
          },
        },
      ],
    }),
  };
};

const savings = (run, width) => {
  const { ids, runs } = data.members;
  const told = runs[run];
  const order = ids.map((_, at) => at).sort((a, b) => told.saving[b] - told.saving[a]);
  const slot = (width - 64) / ids.length;
  return {
    height: width < 520 ? 280 : 340,
    option: frame({
      grid: area({ bottom: slot >= 13 && slot < 60 ? 76 : 34 }),
      tooltip: tooltip({
        trigger: "axis",
        axisPointer: { type: "shadow", shadowStyle: { color: "var(--faint)", opacity: 0.15 } },
        formatter: ([{ dataIndex }]) => {
          const at = order[dataIndex];
          return rows(ids[at], [
            ["saving", `${format(told.saving[at], 2)} ${data.currency}`],
            ["bill", `${format(told.bill[at], 2)} ${data.currency}`],
            ["self-sufficiency", percent(told.self_sufficiency[at])],
            ["self-consumption", percent(told.self_consumption[at])],
          ]);
        },
      }),
      xAxis: {
        type: "category",
        data: order.map((at) => ids[at]),
        axisTick: { show: false },
        axisLine: { lineStyle: { color: "var(--faint)" } },
        axisLabel: {
          ...label,
          fontSize: 11,
          show: slot >= 13,
          rotate: slot >= 60 ? 0 : 90,
          interval: 0,
          width: 64,
          overflow: "truncate",
        },
        ...(slot >= 13
          ? {}
          : { name: "members, largest saving first", nameLocation: "middle", nameGap: 12, nameTextStyle: label }),
      },
      yAxis: valueAxis({ ...named(`saving, ${data.currency}`, 52) }),
      series: [
        {
          type: "bar",
          barCategoryGap: slot > 6 ? "22%" : "8%",
          emphasis: { disabled: true },
          barMaxWidth: 42,
          data: order.map((at) => ({
            value: told.saving[at],
            itemStyle: { color: told.saving[at] < 0 ? "var(--bad)" : data.colours[run] },
          })),
        },
      ],
    }),
  };
};
