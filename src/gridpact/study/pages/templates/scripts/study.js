// Draws every figure of a study by the kind of its chart.

const kinds = { plane, bars, heat, network };
const charts = Object.entries(data).map(([id, chart]) => [id, (width) => kinds[chart.kind](chart, width, id)]);
const { drawAll, watch } = stage(Object.fromEntries(charts));
drawAll();
watch();
