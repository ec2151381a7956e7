"use strict";
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const PRINT_WIDTH = 680;
  const FONT = getComputedStyle(document.body).fontFamily;
  const element = (id) => document.getElementById(id);
  const unit = { power: "kW", energy: "kWh", price: `${data.currency}/kWh`, money: data.currency };

  // ---- words and numbers -------------------------------------------------------------------------------------------------

  const known = (value) => value !== null && value !== undefined && Number.isFinite(value);
  const format = (value, digits) =>
    known(value)
      ? Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
          .replaceAll(",", "\u202f").replace(/^/, value < 0 && Number(Math.abs(value).toFixed(digits)) !== 0 ? "\u2212" : "")
      : "\u2013";
  const percent = (share, digits = 0) => (known(share) ? `${format(100 * share, digits)}\u00a0%` : "\u2013");
  const tick = (value) => String(Number(value.toPrecision(8))).replace("-", "\u2212");
  const clock = (hour) => {
    const minutes = Math.round(hour * 60);
    return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
  };
  const escape = (text) =>
    String(text).replace(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[c]);
  const ends = (values) => {
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) {
      if (known(value)) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    return [low, high];
  };

  // ---- what all charts share ---------------------------------------------------------------------------------------------

  // Colours are CSS variables: light, dark and paper change without drawing again.
  const label = { color: "var(--soft)", fontSize: 12, fontFamily: FONT };
  const valueAxis = (more) => ({
    type: "value", axisLabel: { ...label, hideOverlap: true, formatter: tick, ...(more.axisLabel || {}) }, nameTextStyle: label,
    axisLine: { show: false }, axisTick: { show: false }, splitLine: { lineStyle: { color: "var(--rule)" } },
    ...Object.fromEntries(Object.entries(more).filter(([key]) => key !== "axisLabel")),
  });
  const named = (name, left) => ({
    name, nameLocation: "end", nameGap: 14, nameMoveOverlap: false, nameTextStyle: { ...label, align: "left", padding: [0, 0, 0, -left] },
  });
  // Room is kept by hand, so that charts above each other share their axis.
  const area = (more) => ({ left: 52, right: 20, top: 34, bottom: 48, outerBoundsMode: "none", ...more });
  const below = (name) => ({ name, nameLocation: "middle", nameGap: 30, splitLine: { show: false }, axisLine: { show: true, onZero: false, lineStyle: { color: "var(--faint)" } } });
  const tooltip = (more) => ({
    confine: true, backgroundColor: "var(--paper)", borderColor: "var(--rule)", padding: [8, 12], className: "tip",
    textStyle: { color: "var(--ink)", fontFamily: FONT, fontSize: 13 }, transitionDuration: 0,
    extraCssText: "box-shadow: 0 2px 12px rgb(0 0 0 / .12); border-radius: 6px", ...more,
  });
  const frame = (more) => ({ animation: false, textStyle: { fontFamily: FONT }, ...more });
  const pointer = { type: "line", lineStyle: { color: "var(--faint)", type: "solid" } };
  const rows = (title, lines) =>
    `<b>${title}</b><table>${lines.map(([what, value, colour]) =>
      `<tr><td>${colour ? `<i style="background:${colour}"></i>` : ""}${what}</td><td>${value}</td></tr>`).join("")}</table>`;
  const quiet = { silent: true, emphasis: { disabled: true }, animation: false };

  /** Words at the right end of a line, above (below zero) or below it. */
  const note = (text, color, shift) => ({
    show: true, formatter: text, color, fontFamily: FONT, fontSize: 12, align: "right", offset: [-6, shift],
    textBorderColor: "var(--paper)", textBorderWidth: 3,
  });

  /** One line a mechanism, the chosen one bold and on top. */
  const lines = (run, points, more = {}) =>
    data.mechanisms.map((name, at) => ({
      type: "line", name, data: points(at), showSymbol: false, z: at === run ? 5 : 3, emphasis: { disabled: true }, silent: true,
      lineStyle: {
        color: data.colours[at], width: at === run ? 2.6 : 1.1, opacity: at === run ? 1 : 0.5,
        type: data.dashed[at] ? "dashed" : "solid",
      },
      itemStyle: { color: data.colours[at] }, ...more,
    }));

  // ---- charts: each takes the chosen run and the width, and gives height and option ------------------------------------

  const duration = (run, width) => {
    const { share, reference, runs } = data.duration;
    const pairs = (values) => values.map((value, at) => [share[at], value]);
    const zero = { ...quiet, type: "line", showSymbol: false, data: [[0, 0], [100, 0]], lineStyle: { color: "var(--faint)", width: 1 } };
    return {
      height: width < 520 ? 280 : 380,
      option: frame({
        grid: area(),
        tooltip: tooltip({
          trigger: "axis", axisPointer: pointer,
          formatter: (found) => {
            const at = found[0].dataIndex;
            const told = data.mechanisms.map((name, n) => [escape(name), `${format(runs[n][at], 1)} kW`, data.colours[n]]);
            return rows(`${format(share[at], 1)} % of the time at or above`, [["before any trade", `${format(reference[at], 1)} kW`], ...told]);
          },
        }),
        xAxis: valueAxis({ min: 0, max: 100, ...below("share of the time, %") }),
        yAxis: valueAxis({ ...named("kW, import above zero", 52) }),
        series: [
          ...lines(run, (at) => pairs(runs[at])),
          { type: "line", name: "before any trade", data: pairs(reference), showSymbol: false, silent: true, z: 6, emphasis: { disabled: true }, lineStyle: { color: "var(--ink)", width: 1.6, type: [1.5, 3.5], cap: "round" } },
          zero,
        ],
      }),
    };
  };

  const day = (run, width) => {
    const { hour, width: bin, import_price, export_price, price, power } = data.day;
    const steps = (values) => [...values.map((value, at) => [hour[at], value]), [hour[hour.length - 1] + bin, values[values.length - 1]]];
    const narrow = width < 520;
    const hours = (index, shown) => valueAxis({
      gridIndex: index, min: 0, max: 24, interval: narrow ? 6 : 3, ...below(shown ? "local time" : ""),
      axisLabel: { show: shown, formatter: clock }, ...(shown ? {} : { axisLine: { show: false } }),
    });
    const tariff = (name, values) => ({
      ...quiet, type: "line", name, data: steps(values), step: "end", showSymbol: false, z: 2,
      lineStyle: { color: "var(--faint)", width: 1.4 }, itemStyle: { color: "var(--faint)" }, endLabel: note(name.split(" ")[0], "var(--soft)", -9),
    });
    const upper = narrow ? 190 : 220;
    const [, top] = ends(power.flat());
    return {
      height: upper + (narrow ? 190 : 200) + 60,
      option: frame({
        grid: [area({ height: upper - 40, bottom: null }), area({ top: upper + 38 })],
        axisPointer: { link: [{ xAxisIndex: "all" }] },
        tooltip: tooltip({
          trigger: "axis", axisPointer: pointer,
          formatter: (found) => {
            const at = Math.min(found[0].dataIndex, hour.length - 1);
            const told = data.mechanisms.map((name, n) =>
              [escape(name), `${format(price[n][at], 4)} · ${format(power[n][at], 2)} kW`, data.colours[n]]);
            return rows(`${clock(hour[at])} to ${clock(hour[at] + bin)}`,
              [["import price", format(import_price[at], 4)], ["export price", format(export_price[at], 4)], ...told]);
          },
        }),
        xAxis: [hours(0, false), hours(1, true)],
        yAxis: [
          valueAxis({ ...named(`price, ${unit.price}`, 52), scale: true, splitNumber: 4, axisLabel: { formatter: (value) => format(value, 2) } }),
          valueAxis({ ...named("traded power, kW", 52), gridIndex: 1, splitNumber: 4, max: top > 0 ? null : 1 }),
        ],
        series: [
          tariff("import price", import_price),
          tariff("export price", export_price),
          ...lines(run, (at) => steps(price[at]), { step: "end" }),
          ...lines(run, (at) => steps(power[at]), { step: "end", xAxisIndex: 1, yAxisIndex: 1 })
            .map((series, at) => (at === run ? { ...series, areaStyle: { color: data.colours[at], opacity: 0.13 } } : series)),
        ],
      }),
    };
  };

  const strongest = data.partners.strongest;
  const shade = (kwh) => 0.07 + 0.93 * Math.sqrt(Math.min(kwh / strongest, 1));

  const partners = (run, width) => {
    const { sellers, buyers, cells } = data.partners;
    if (!sellers.length) return { height: 140, empty: "Nobody trades.", option: frame({}) };
    const longest = (names) => Math.min(Math.max(...names.map((name) => name.length)) * 7 + 12, width < 520 ? 74 : 150);
    const left = longest(sellers) + 18;
    const top = Math.min(longest(buyers), 110) + 22;
    const column = Math.min(Math.max(30, Math.min(64, 480 / buyers.length)), (width - left - 12) / buyers.length);
    const line = Math.min(sellers.length > 12 ? 26 : 34, Math.max(column, sellers.length > 30 ? 9 : 13));
    const [across, height] = [column * buyers.length, line * sellers.length];
    const gap = column > 6 ? 1 : 0.4;
    const traders = (names, more) => ({
      type: "category", data: names, axisLine: { show: false }, axisTick: { show: false }, nameTextStyle: label,
      splitArea: { show: true, areaStyle: { color: ["var(--raised)"] } }, ...more,
    });
    const room = (size) => ({ ...label, interval: Math.ceil(13 / size) - 1, fontSize: size >= 15 ? 12 : 11, overflow: "truncate" });
    return {
      height: top + height + 8,
      empty: cells[run].length ? "" : `Nobody trades under ${data.mechanisms[run]}.`,
      option: frame({
        grid: { left, top, width: across, height, outerBoundsMode: "none" },
        tooltip: tooltip({
          trigger: "item",
          formatter: ({ value: [column, row, kwh] }) =>
            rows(`${escape(sellers[row])} → ${escape(buyers[column])}`, [["energy", `${format(kwh, 2)} kWh`]]),
        }),
        xAxis: traders(buyers, {
          position: "top",
          axisLabel: { ...room(column), rotate: 90, width: 100 },
        }),
        yAxis: traders(sellers, {
          inverse: true, axisLabel: { ...room(line), width: left - 24 },
        }),
        series: [{
          type: "custom", data: cells[run].map(([row, column, kwh]) => [column, row, kwh]), encode: { x: 0, y: 1 }, z: 3,
          renderItem: (_, api) => {
            const [x, y] = api.coord([api.value(0), api.value(1)]);
            const [w, h] = api.size([1, 1]);
            return {
              type: "rect", shape: { x: x - w / 2 + gap / 2, y: y - h / 2 + gap / 2, width: Math.max(w - gap, 0.5), height: Math.max(h - gap, 0.5) },
              style: { fill: data.colours[run], opacity: shade(api.value(2)) }, emphasisDisabled: true,
            };
          },
        }],
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
          trigger: "axis", axisPointer: { type: "shadow", shadowStyle: { color: "var(--faint)", opacity: 0.15 } },
          formatter: ([{ dataIndex }]) => {
            const at = order[dataIndex];
            return rows(escape(ids[at]), [
              ["saving", `${format(told.saving[at], 2)} ${unit.money}`], ["bill", `${format(told.bill[at], 2)} ${unit.money}`],
              ["self-sufficiency", percent(told.self_sufficiency[at])], ["self-consumption", percent(told.self_consumption[at])],
            ]);
          },
        }),
        xAxis: {
          type: "category", data: order.map((at) => ids[at]), axisTick: { show: false }, axisLine: { lineStyle: { color: "var(--faint)" } },
          axisLabel: { ...label, fontSize: 11, show: slot >= 13, rotate: slot >= 60 ? 0 : 90, interval: 0, width: 64, overflow: "truncate" },
          ...(slot >= 13 ? {} : { name: "members, largest saving first", nameLocation: "middle", nameGap: 12, nameTextStyle: label }),
        },
        yAxis: valueAxis({ ...named(`saving, ${unit.money}`, 52) }),
        series: [{
          type: "bar", barCategoryGap: slot > 6 ? "22%" : "8%", emphasis: { disabled: true }, barMaxWidth: 42,
          data: order.map((at) => ({ value: told.saving[at], itemStyle: { color: told.saving[at] < 0 ? "var(--bad)" : data.colours[run] } })),
        }],
      }),
    };
  };

  // ---- the feeder --------------------------------------------------------------------------------------------------------

  const grid = data.grid;
  const centre = (grid.v_min + grid.v_max) / 2;
  const half = (grid.v_max - grid.v_min) / 2 || 1;
  const reach = ends(grid.distance)[1] || 1;
  const xRange = { min: -0.02 * reach, max: 1.03 * reach };
  const side = (width) => (width < 520 ? 44 : 52);
  const drawn = grid.branches.map((_, at) => at).filter((at) => known(grid.distance[grid.ends[0][at]]) && known(grid.distance[grid.ends[1][at]]));

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
  const tint = (value) => `color-mix(in oklab, var(${value < 0 ? "--low" : "--high"}) ${Math.round(100 * Math.min(Math.abs(value), 1))}%, var(--middle))`;
  const outside = (state, bus) => state.low[bus] < grid.v_min || state.high[bus] > grid.v_max;
  const busTip = (run, bus) => {
    const band = (state) => `${format(state.low[bus], 4)} to ${format(state.high[bus], 4)} p.u.`;
    const at = grid.members[bus] || [];
    const who = at.length ? [["members", escape(at.slice(0, 6).join(", ")) + (at.length > 6 ? ` and ${at.length - 6} more` : "")]] : [];
    return rows(`bus ${escape(grid.buses[bus])}`, [[escape(data.mechanisms[run]), band(grid.runs[run])], ["before any trade", band(grid.reference)], ...who]);
  };
  const branchTip = (run, branch) => rows(escape(grid.branches[branch]), [
    [escape(data.mechanisms[run]), percent(grid.runs[run].loading[branch], 1)], ["before any trade", percent(grid.reference.loading[branch], 1)],
  ]);

  const branches = (run, place, elbow) => ({
    type: "custom", z: 2, data: drawn, encode: { x: -1, y: -1 }, clip: false, tooltip: { formatter: ({ dataIndex }) => branchTip(run, drawn[dataIndex]) },
    renderItem: ({ dataIndex }, api) => {
      const branch = drawn[dataIndex];
      const loading = grid.runs[run].loading[branch] / (grid.loading_limit || 1);
      let [from, to] = [grid.ends[0][branch], grid.ends[1][branch]];
      if (grid.distance[from] > grid.distance[to]) [from, to] = [to, from];
      const [start, end] = [api.coord(place(from)), api.coord(place(to))];
      return {
        type: "polyline", shape: { points: elbow ? [start, [start[0], end[1]], end] : [start, end] },
        style: {
          fill: "none", stroke: loading > 1 ? "var(--bad)" : `color-mix(in oklab, var(--ink) ${Math.round(70 * Math.min(loading, 1))}%, var(--wire))`,
          lineWidth: 1.4 + 5 * Math.min(loading, 1.2), lineJoin: "round", lineCap: "round",
        },
      };
    },
  });

  const buses = (run, place, size) => {
    const state = grid.runs[run];
    return {
      type: "scatter", z: 4, emphasis: { disabled: true }, clip: false, tooltip: { formatter: ({ data: { bus } }) => busTip(run, bus) },
      data: grid.buses.map((_, bus) => bus).filter((bus) => known(place(bus)[0]) && known(place(bus)[1])).map((bus) => ({
        bus, value: place(bus), symbol: bus === grid.source ? "rect" : "circle",
        symbolSize: bus === grid.source ? [7, 22] : outside(state, bus) ? size * 1.15 : grid.members[bus] ? size : size * 0.6,
        itemStyle: {
          opacity: 1, color: bus === grid.source ? "var(--ink)" : tint(stress(state, bus)),
          borderColor: outside(state, bus) ? "var(--ink)" : "var(--paper)", borderWidth: (outside(state, bus) ? 0.2 : 0.12) * size,
        },
      })),
    };
  };

  const feeder = (run, width) => {
    const map = grid.xy !== null && feeder.map;
    const leaves = ends(grid.row)[1] + 1;
    const tall = Math.max(200, Math.min(leaves * (width < 520 ? 13 : 17), 720));
    const dot = Math.max(5, Math.min(11, (tall / leaves) * 0.62, (0.8 * (width - side(width))) / trunk));
    const place = map ? (bus) => [grid.xy[0][bus], grid.xy[1][bus]] : (bus) => [grid.distance[bus], grid.row[bus]];
    const hidden = { type: "value", show: false };
    let x = { ...hidden, ...xRange };
    let y = { ...hidden, inverse: true, min: -0.6, max: Math.max(leaves - 0.4, 0.6) };
    if (map) [x, y] = mapAxes(width - 2 * side(width), 460);
    return {
      height: map ? 500 : tall + 16,
      option: frame({
        grid: area({ left: side(width), right: map ? side(width) : 20, top: map ? 20 : 8, bottom: map ? 20 : 8 }),
        tooltip: tooltip({ trigger: "item" }), xAxis: x, yAxis: y,
        series: [branches(run, place, !map), buses(run, place, dot)],
      }),
    };
  };

  /** Axes on which a step east is as long as a step north. */
  const mapAxes = (width, height) => {
    const [[left, right], [bottom, top]] = grid.xy.map(ends);
    const scale = Math.max((right - left) / width, (top - bottom) / height) || 1;
    const around = (low, high, size) => ({ type: "value", show: false, min: (low + high - size * scale) / 2, max: (low + high + size * scale) / 2 });
    return [around(left, right, width), around(bottom, top, height)];
  };

  const voltage = (run, width) => {
    const now = grid.runs[run];
    const [low, high] = ends([grid.v_min, grid.v_max, ...now.low, ...now.high, ...grid.reference.low, ...grid.reference.high]);
    const margin = 0.06 * (high - low);
    const level = (value, name) => ({
      ...quiet, type: "line", data: [[xRange.min, value], [xRange.max, value]], showSymbol: false, z: 6,
      lineStyle: { color: "var(--bad)", width: 1.2, type: [6, 5] },
      endLabel: note(name, "var(--bad)", value > centre ? -9 : 9),
    });
    const edge = (state, stroke, kind) => ({
      ...quiet, type: "custom", data: drawn, encode: { x: -1, y: -1 }, z: { band: 2, line: 3, dots: 4 }[kind],
      renderItem: ({ dataIndex }, api) => {
        const [a, b] = [grid.ends[0][drawn[dataIndex]], grid.ends[1][drawn[dataIndex]]];
        const at = (bus, value) => api.coord([grid.distance[bus], value]);
        const [la, lb, ha, hb] = [at(a, state.low[a]), at(b, state.low[b]), at(a, state.high[a]), at(b, state.high[b])];
        const line = (points) => ({ type: "polyline", shape: { points }, style: { fill: "none", stroke, lineWidth: kind === "line" ? 1.8 : 1.5, lineDash: kind === "line" ? null : [1.5, 3.5], lineCap: "round" } });
        const tone = `color-mix(in srgb, ${stroke} 13%, var(--paper))`;
        const band = { type: "polygon", shape: { points: [la, lb, hb, ha] }, style: { fill: tone, stroke: tone, lineWidth: 1 } };
        return kind === "band" ? band : { type: "group", children: [line([la, lb]), line([ha, hb])] };
      },
    });
    const dots = {
      type: "scatter", z: 5, symbolSize: width < 520 ? 4 : 5, emphasis: { disabled: true }, itemStyle: { color: data.colours[run], opacity: 1 },
      tooltip: { formatter: ({ data: { bus } }) => busTip(run, bus) },
      data: grid.buses.flatMap((_, bus) => (known(grid.distance[bus]) ? [now.low, now.high].map((values) => ({ bus, value: [grid.distance[bus], values[bus]] })) : [])),
    };
    return {
      height: width < 520 ? 290 : 330,
      option: frame({
        grid: area({ left: side(width) }), tooltip: tooltip({ trigger: "item" }),
        xAxis: valueAxis({ ...xRange, ...below(`electrical distance from the source, % at ${grid.distance_unit}`), axisLabel: { showMinLabel: false, showMaxLabel: false, formatter: (value) => (value < 0 ? "" : String(value)) } }),
        yAxis: valueAxis({ ...named("voltage, p.u.", side(width)), min: low - margin, max: high + margin, axisLabel: { showMinLabel: false, showMaxLabel: false, formatter: (value) => format(value, high - low < 0.05 ? 3 : 2) } }),
        series: [
          level(grid.v_min, `lower limit ${format(grid.v_min, 2)}`), level(grid.v_max, `upper limit ${format(grid.v_max, 2)}`),
          edge(now, data.colours[run], "band"), edge(now, data.colours[run], "line"), edge(grid.reference, "var(--ink)", "dots"), dots,
        ],
      }),
    };
  };

  // ---- keys, table, switch -----------------------------------------------------------------------------------------------

  const drawKeys = (run) => {
    const colour = data.colours[run];
    const stops = [0.07, 0.3, 0.53, 0.77, 1].map((o) => `color-mix(in srgb, ${colour} ${100 * o}%, transparent)`).join(",");
    element("partners-key").innerHTML = strongest > 0
      ? `<span>0<i style="width:9rem;background:linear-gradient(to right,${stops})"></i>${format(strongest, 1)} kWh</span><span>middle of the scale: ${format(strongest / 4, 1)} kWh</span>`
      : "";
    const wire = (width, stroke) => `<svg viewBox="0 0 34 12"><path d="M2 6h30" style="stroke:${stroke};stroke-width:${width};stroke-linecap:round"/></svg>`;
    element("feeder-key").innerHTML =
      `<span>${format(grid.v_min, 2)}<i style="width:9rem;background:linear-gradient(to right in oklab,var(--low),var(--middle),var(--high))"></i>${format(grid.v_max, 2)} p.u.</span>` +
      `<span><svg viewBox="0 0 34 12"><circle cx="17" cy="6" r="5" style="fill:var(--low);stroke:var(--ink);stroke-width:1.8"/></svg>outside of the band</span>` +
      `<span>${wire(1.4, "var(--wire)")}idle</span><span>${wire(6.4, "color-mix(in oklab, var(--ink) 70%, var(--wire))")}${percent(grid.loading_limit)}</span><span>${wire(6.8, "var(--bad)")}over the limit</span>` +
      (Object.keys(grid.members).length ? "<span>large dots: buses with members</span>" : "") +
      (grid.xy ? `<button type="button" aria-pressed="${Boolean(feeder.map)}">${feeder.map ? "Show as a tree" : "Show on the map"}</button>` : "");
  };

  const drawMembers = (run) => {
    const { ids, buses: at, runs } = data.members;
    const told = runs[run];
    const head = ["Member", "Bus", `Bill, ${unit.money}`, `Saving, ${unit.money}`, "Self-sufficiency", "Self-consumption"];
    const order = ids.map((_, member) => member).sort((a, b) => told.saving[b] - told.saving[a]);
    const cells = (member) => [format(told.bill[member], 2), format(told.saving[member], 2), percent(told.self_sufficiency[member]), percent(told.self_consumption[member])];
    element("members-table").innerHTML =
      `<caption class="unseen">Members under ${escape(data.mechanisms[run])}</caption><thead><tr>${head.map((name, n) => `<th scope="col"${n > 1 ? ' class="number"' : ""}>${escape(name)}</th>`).join("")}</tr></thead><tbody>` +
      order.map((member) => `<tr><th scope="row">${escape(ids[member])}</th><td>${escape(at[member])}</td>${cells(member).map((text) => `<td class="number">${text}</td>`).join("")}</tr>`).join("") + "</tbody>";
  };

  const charts = { day, partners, savings, duration, feeder, voltage };
  const instances = {};
  let chosen = data.selected;

  const draw = (id, width) => {
    const box = element(`chart-${id}`);
    const size = width || box.clientWidth;
    const { height, option, empty } = charts[id](chosen, size);
    box.style.height = `${height}px`;
    instances[id] = instances[id] || echarts.init(box, null, { renderer: "svg", width: size, height });
    instances[id].resize({ width: size, height });
    instances[id].setOption(option, { notMerge: true });
    box.querySelector(".empty")?.remove();
    if (empty) box.append(Object.assign(document.createElement("p"), { className: "empty", textContent: empty }));
    element(`${id}-caption`).textContent = data.captions[id][chosen];
  };
  const drawAll = (width) => Object.keys(charts).forEach((id) => draw(id, width));

  const choose = (run) => {
    chosen = run;
    drawAll();
    drawKeys(run);
    drawMembers(run);
    document.querySelectorAll("tr[data-run]").forEach((row) => row.classList.toggle("chosen", Number(row.dataset.run) === run));
  };

  const form = document.querySelector(".switch");
  const bringIntoView = () => {
    const field = form.querySelector("fieldset");
    const chip = form.querySelector("input:checked").closest("label");
    field.scrollLeft = chip.offsetLeft + chip.offsetWidth / 2 - field.clientWidth / 2;
  };
  form.addEventListener("change", ({ target }) => {
    choose(Number(target.value));
    element("announcement").textContent = `The charts show ${data.mechanisms[chosen]}.`;
    bringIntoView();
  });
  element("feeder-key").addEventListener("click", ({ target }) => {
    if (target.tagName !== "BUTTON") return;
    feeder.map = !feeder.map;
    draw("feeder");
    drawKeys(chosen);
    element("feeder-key").querySelector("button").focus();
  });

  bringIntoView();

  // A browser may keep the choice over a reload.
  choose(Number(new FormData(form).get("mechanism") ?? data.selected));

  const widths = new Map();
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const id = target.id.replace("chart-", "");
      if (widths.get(id) !== target.clientWidth && !printing) {
        if (widths.has(id)) draw(id);
        widths.set(id, target.clientWidth);
      }
    }
  });
  let printing = false;
  let opened = [];
  Object.keys(charts).forEach((id) => watch.observe(element(`chart-${id}`)));
  addEventListener("beforeprint", () => {
    printing = true;
    drawAll(PRINT_WIDTH);
    opened = [...document.querySelectorAll(".proofs details:not([open])")];
    opened.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => {
    printing = false;
    opened.forEach((details) => { details.open = false; });
    drawAll();
  });
})();
