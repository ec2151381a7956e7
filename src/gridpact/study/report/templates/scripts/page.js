// Keys, the table of members, and the switch that draws everything again.

const drawKeys = (run) => {
  const colour = data.colours[run];
  const stops = [0.1, 0.325, 0.55, 0.775, 1]
    .map((o) => `color-mix(in srgb, ${colour} ${100 * o}%, transparent)`)
    .join(",");
  element("partners-key").innerHTML =
    strongest > 0
      ? `<span>0<i style="width:9rem;background:linear-gradient(to right,${stops})"></i>${format(strongest, 1)} kWh</span><span>middle of the scale: ${format(strongest / 4, 1)} kWh</span>`
      : "";
  const wire = (width, stroke) =>
    `<svg viewBox="0 0 34 12"><path d="M2 6h30" style="stroke:${stroke};stroke-width:${width};stroke-linecap:round"/></svg>`;
  element("feeder-key").innerHTML =
    `<span>${format(grid.v_min, 2)}<i style="width:9rem;background:linear-gradient(to right in oklab,var(--low),var(--middle),var(--high))"></i>${format(grid.v_max, 2)} p.u.</span>` +
    `<span><svg viewBox="0 0 34 12"><circle cx="17" cy="6" r="5" style="fill:var(--low);stroke:var(--ink);stroke-width:1.8"/></svg>outside of the band</span>` +
    `<span>${wire(1.4, "var(--wire)")}idle</span><span>${wire(6.4, "color-mix(in oklab, var(--ink) 70%, var(--wire))")}${percent(grid.loading_limit)}</span><span>${wire(6.8, "var(--bad)")}over the limit</span>` +
    (Object.keys(grid.members).length ? "<span>large dots: buses with members</span>" : "");
};

const drawMembers = (run) => {
  const { ids, buses: at, runs } = data.members;
  const told = runs[run];
  const head = [
    "Member",
    "Bus",
    `Bill, ${data.currency}`,
    `Saving, ${data.currency}`,
    "Self-sufficiency",
    "Self-consumption",
  ];
  const order = ids.map((_, member) => member).sort((a, b) => told.saving[b] - told.saving[a]);
  const cells = (member) => [
    format(told.bill[member], 2),
    format(told.saving[member], 2),
    percent(told.self_sufficiency[member]),
    percent(told.self_consumption[member]),
  ];
  element("members-table").innerHTML =
    `<caption class="unseen">Members under ${escape(data.mechanisms[run])}</caption><thead><tr>${head.map((name, n) => `<th scope="col"${n > 1 ? ' class="number"' : ""}>${escape(name)}</th>`).join("")}</tr></thead><tbody>` +
    order
      .map(
        (member) =>
          `<tr><th scope="row">${escape(ids[member])}</th><td>${escape(at[member])}</td>${cells(member)
            .map((text) => `<td class="number">${text}</td>`)
            .join("")}</tr>`,
      )
      .join("") +
    "</tbody>";
};

const charts = Object.fromEntries(
  Object.entries({ day, partners, savings, duration, feeder, voltage }).map(([id, chart]) => [
    id,
    (width) => chart(chosen, width),
  ]),
);
const { draw, drawAll, watch } = stage(charts, (id) => {
  element(`${id}-caption`).textContent = data.captions[id][chosen];
});

const choose = (run) => {
  chosen = run;
  drawAll();
  drawKeys(run);
  drawMembers(run);
  document
    .querySelectorAll("tr[data-run]")
    .forEach((row) => row.classList.toggle("chosen", Number(row.dataset.run) === run));
};

const form = document.querySelector(".switch");
const bringIntoView = () => {
  if (!data.chips) return;
  const field = form.querySelector("fieldset");
  const chip = form.querySelector("input:checked").closest("label");
  field.scrollLeft = chip.offsetLeft + chip.offsetWidth / 2 - field.clientWidth / 2;
};
form.addEventListener("change", ({ target }) => {
  choose(Number(target.value));
  element("announcement").textContent = `The charts show ${data.mechanisms[chosen]}.`;
  bringIntoView();
});
element("feeder-map")?.addEventListener("click", ({ currentTarget }) => {
  onMap = !onMap;
  currentTarget.textContent = onMap ? "Show as a tree" : "Show on the map";
  draw("feeder");
});

bringIntoView();

// A browser may keep the choice over a reload.
choose(Number(new FormData(form).get("mechanism") ?? data.selected));

watch();
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll(".proofs details:not([open])")];
  opened.forEach((details) => {
    details.open = true;
  });
});
addEventListener("afterprint", () =>
  opened.forEach((details) => {
    details.open = false;
  }),
);
