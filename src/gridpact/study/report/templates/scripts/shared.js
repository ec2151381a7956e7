// The data, numbers as words, and what all charts share.

const data = JSON.parse(document.getElementById("report-data").textContent);
const PRINT_WIDTH = 1000;
const FONT = getComputedStyle(document.body).fontFamily;
const element = (id) => document.getElementById(id);
let chosen = data.selected;
let onMap = false;
let printing = false;

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
const swatch = (run) =>
  `<i style="border-color:${data.colours[run]};border-top-style:${data.dashed[run] ? "dashed" : "solid"}"></i>`;
/** A heading and pairs of words and numbers; a third entry is the run that a pair belongs to. */
const rows = (title, pairs) => {
  const row = ([what, value, run]) =>
    `<tr${run === chosen ? ' class="chosen"' : ""}><td>${run === undefined ? "" : swatch(run)}${escape(what)}</td>` +
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

/** One line a mechanism, the chosen one bold and on top. */
const lines = (run, points, more = {}) =>
  data.mechanisms.map((name, at) => ({
    type: "line",
    name,
    data: points(at),
    showSymbol: false,
    z: at === run ? 5 : 3,
    emphasis: { disabled: true },
    silent: true,
    lineStyle: {
      color: data.colours[at],
      width: at === run ? 2.6 : 1.1,
      opacity: at === run ? 1 : 0.5,
      type: data.dashed[at] ? "dashed" : "solid",
    },
    itemStyle: { color: data.colours[at] },
    ...more,
  }));
