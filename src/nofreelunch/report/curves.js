// Learning curves of one cell: choose it, hide and show strategies, put one in bold.
const METRICS = { accuracy: "accuracy", balanced_accuracy: "balanced accuracy", macro_f1: "macro-F1" };
const VIEWS = { value: "value", gain: "gain over random" };
const NONE = "none";

const curvesView = (() => {
  const strategies = DATA.strategies.map(({ name }) => name);
  const state = {
    task: DATA.datasets[0], embedder: DATA.focus, pool: DATA.pools[0], metric: "accuracy", show: "value",
    bold: NONE, intervals: "yes", hidden: [],
  };
  const legal = { task: DATA.datasets, embedder: DATA.embedders, pool: DATA.pools, metric: Object.keys(METRICS), show: Object.keys(VIEWS), bold: [NONE, ...strategies], intervals: ["yes", "no"] };
  const root = document.getElementById("curves-view");
  const controls = h("div", { class: "controls" });
  const legend = h("div", { class: "legend", role: "group", "aria-label": "Strategies shown" });
  const place = h("div");
  const numbers = h("tbody");
  const head = h("thead");
  const table = h("details", {}, h("summary", {}, "These curves as a table, in points"),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Curves as a table" }, h("table", { class: "keyed" }, head, numbers)));
  const chart = lineChart(place);
  const here = addressed("curves", () => ({ ...state, hidden: state.hidden.join("|") }), (wanted) => {
    settle(state, wanted, legal);
    state.hidden = (wanted.hidden ?? "").split("|").filter((name) => strategies.includes(name));
    redraw();
  });
  root.append(controls, legend, place, here.link, table);

  function lines() {
    const cell = DATA.curves[state.show][state.metric][`${state.task}/${state.embedder}/${state.pool}`] ?? {};
    const bold = cell[state.bold] && !state.hidden.includes(state.bold);
    return DATA.strategies.filter(({ name }) => cell[name] && !state.hidden.includes(name)).map((strategy) => {
      const [mean, lo, hi] = cell[strategy.name];
      return { key: strategy.name, name: words(strategy.name), shade: colour(strategy), dash: strategy.dash, faint: bold && strategy.name !== state.bold, mean, lo, hi };
    });
  }

  function drawControls() {
    const change = (key) => (value) => { state[key] = value; here.changed(); draw(); };
    const seen = (name) => words(name) + SEEN[DATA.seen[`${state.task}/${name}`]];
    controls.replaceChildren(
      select("task", legal.task, state.task, (value) => { change("task")(value); drawControls(); }),
      select("embedder", legal.embedder, state.embedder, change("embedder"), seen),
      select("initial pool", legal.pool, state.pool, change("pool")),
      select("metric", legal.metric, state.metric, change("metric"), (name) => METRICS[name]),
      select("show", legal.show, state.show, change("show"), (name) => VIEWS[name]),
      select("in bold", legal.bold, state.bold, change("bold")),
      h("label", { class: "check" }, h("input", { type: "checkbox", checked: state.intervals === "yes", onchange: (event) => {
        change("intervals")(event.target.checked ? "yes" : "no");
      } }), "95 % intervals"),
    );
  }

  function drawLegend() {
    const toggle = (name) => () => {
      state.hidden = state.hidden.includes(name) ? state.hidden.filter((other) => other !== name) : [...state.hidden, name];
      here.changed();
      drawLegend();
      draw();
      legend.querySelector(`[data-strategy="${name}"]`).focus();
    };
    legend.replaceChildren(...DATA.strategies.map((strategy) =>
      h("button", { type: "button", "data-strategy": strategy.name, "aria-pressed": String(!state.hidden.includes(strategy.name)), onclick: toggle(strategy.name) },
        swatch(strategy.dash, colour(strategy)), words(strategy.name))));
  }

  function draw() {
    const shown = lines();
    const labels = DATA.curves.labels[state.task];
    const gain = state.show === "gain";
    const best = [...shown].sort((a, b) => b.mean.at(-1) - a.mean.at(-1))[0];
    const text = `${METRICS[state.metric]}${gain ? " gained over random" : ""} against labels on ${words(state.task)} with ${words(state.embedder)}, ` +
      `from a ${words(state.pool)} pool; ${shown.length} strategies` +
      (best ? `. Highest at ${labels.at(-1)} labels: ${best.name}, ${format(best.mean.at(-1), "points")}.` : ".");
    chart({ labels, xLabel: "labels", unit: `${METRICS[state.metric]}, points${gain ? " over random" : ""}`, kind: gain ? "gain" : "points", zero: gain, text, bands: state.intervals === "yes", lines: shown });
    head.replaceChildren(h("tr", {}, h("th", { scope: "col" }, "labels"), shown.map(({ name }) => h("th", { scope: "col", class: "right" }, name))));
    numbers.replaceChildren(...labels.map((value, i) => h("tr", {}, h("th", { scope: "row" }, String(value)),
      shown.map(({ mean }) => h("td", { class: "right" }, format(mean[i], gain ? "gain" : "points"))))));
  }

  function redraw() { drawControls(); drawLegend(); draw(); }

  onResize(root, () => { drawLegend(); draw(); });
  drawControls();
  return {
    show(task, embedder, pool, strategy) {
      Object.assign(state, { task, embedder, pool, bold: strategy });
      state.hidden = state.hidden.filter((name) => name !== strategy);
      here.changed();
      redraw();
    },
  };
})();
