// The data, numbers as words, what all charts share, and the stage that draws them and keeps them fitting.

const data = JSON.parse(document.getElementById("page-data").textContent);
const PRINT_WIDTH = 1000;
const FONT = getComputedStyle(document.body).fontFamily;
const element = (id) => document.getElementById(id);

const known = (value) => value !== null && value !== undefined && Number.isFinite(value);
const format = (value, digits) =>
  known(value)
    ? Math.abs(value)
        .toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
        .replaceAll(",", "\u202f")
        .replace(/^/, value < 0 && Number(Math.abs(value).toFixed(digits)) !== 0 ? "\u2212" : "")
    : "\u2013";
const percent = (share, digits = 0) => (known(share) ? `${format(100 * share, digits)}\u00a0%` : "\u2013");
const tick = (value) => String(Number(value.toPrecision(8))).replace("-", "\u2212");
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

// Colours are CSS variables: light, dark and paper change without drawing again.
const label = { color: "var(--soft)", fontSize: 12, fontFamily: FONT };
const valueAxis = (more) => ({
  type: "value",
  axisLabel: { ...label, hideOverlap: true, formatter: tick, ...(more.axisLabel || {}) },
  nameTextStyle: label,
  axisLine: { show: false, onZero: false },
  axisTick: { show: false },
  splitLine: { lineStyle: { color: "var(--rule)" } },
  ...Object.fromEntries(Object.entries(more).filter(([key]) => key !== "axisLabel")),
});
const named = (name, left) => ({
  name,
  nameLocation: "end",
  nameGap: 14,
  nameMoveOverlap: false,
  nameTextStyle: { ...label, align: "left", padding: [0, 0, 0, -left] },
});
// Room is kept by hand, so that charts above each other share their axis.
const area = (more) => ({ left: 52, right: 20, top: 34, bottom: 48, outerBoundsMode: "none", ...more });
const below = (name) => ({
  name,
  nameLocation: "middle",
  nameGap: 30,
  splitLine: { show: false },
  axisLine: { show: true, onZero: false, lineStyle: { color: "var(--faint)" } },
});
const tooltip = (more) => ({
  confine: true,
  backgroundColor: "var(--paper)",
  borderColor: "var(--rule)",
  padding: [8, 12],
  className: "tip",
  textStyle: { color: "var(--ink)", fontFamily: FONT, fontSize: 13 },
  transitionDuration: 0,
  extraCssText: "box-shadow: 0 2px 12px rgb(0 0 0 / .12); border-radius: 6px",
  ...more,
});
const frame = (more) => ({ animation: false, textStyle: { fontFamily: FONT }, ...more });
const pointer = { type: "line", lineStyle: { color: "var(--faint)", type: "solid" } };
const swatch = ({ colour, dashed }) =>
  `<i style="border-color:${colour};border-top-style:${dashed ? "dashed" : "solid"}"></i>`;
/** A heading and pairs of words and numbers; a third entry says the `colour` of a pair, whether it is `dashed`, or `bold`. */
const rows = (title, pairs) => {
  const row = ([what, value, mark]) =>
    `<tr${mark?.bold ? ' class="chosen"' : ""}><td>${mark ? swatch(mark) : ""}${escape(what)}</td>` +
    `<td>${escape(value)}</td></tr>`;
  return `<b>${escape(title)}</b><table>${pairs.map(row).join("")}</table>`;
};
const quiet = { silent: true, emphasis: { disabled: true }, animation: false };

/** Words at the right end of a line, above (below zero) or below it. */
const note = (text, color, shift) => ({
  show: true,
  formatter: text,
  color,
  fontFamily: FONT,
  fontSize: 12,
  align: "right",
  offset: [-6, shift],
  textBorderColor: "var(--paper)",
  textBorderWidth: 3,
});

/** Axes on which a step along one is as long as a step along the other. */
const equalAxes = ([[left, right], [bottom, top]], width, height, more = {}) => {
  const scale = Math.max((right - left) / width, (top - bottom) / height) || 1;
  const around = (low, high, size) => ({
    type: "value",
    min: (low + high - size * scale) / 2,
    max: (low + high + size * scale) / 2,
    ...more,
  });
  return [around(left, right, width), around(bottom, top, height)];
};

/**
 * Charts by the id of their figure: each takes a width and gives its height, what ECharts shall draw, and words if there is
 * nothing to draw. They follow the width of the window, and of paper.
 */
const stage = (charts, drawn = () => {}) => {
  const ids = Object.keys(charts);
  const instances = {};
  let printing = false;
  const draw = (id, width) => {
    const box = element(`chart-${id}`);
    const size = width || box.clientWidth;
    const { height, option, empty } = charts[id](size);
    box.style.height = `${height}px`;
    instances[id] = instances[id] || echarts.init(box, null, { renderer: "svg", width: size, height });
    instances[id].resize({ width: size, height });
    instances[id].setOption(option, { notMerge: true });
    box.querySelector(".empty")?.remove();
    if (empty) box.append(Object.assign(document.createElement("p"), { className: "empty", textContent: empty }));
    drawn(id);
  };
  const drawAll = (width) => ids.forEach((id) => draw(id, width));
  const watch = () => {
    const widths = new Map();
    const observer = new ResizeObserver((entries) => {
      for (const { target } of entries) {
        const id = target.id.replace("chart-", "");
        if (widths.get(id) !== target.clientWidth && !printing) {
          if (widths.has(id)) draw(id);
          widths.set(id, target.clientWidth);
        }
      }
    });
    ids.forEach((id) => observer.observe(element(`chart-${id}`)));
    addEventListener("beforeprint", () => {
      printing = true;
      drawAll(PRINT_WIDTH);
    });
    addEventListener("afterprint", () => {
      printing = false;
      drawAll();
    });
  };
  return { draw, drawAll, watch };
};
