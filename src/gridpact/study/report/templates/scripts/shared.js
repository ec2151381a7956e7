// What the charts of a comparison share: the run that is chosen, and one line a mechanism.

let chosen = data.selected;
let onMap = false;

const clock = (hour) => {
  const minutes = Math.round(hour * 60);
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
};
const mark = (run) => ({ colour: data.colours[run], dashed: data.dashed[run], bold: run === chosen });

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
