// Learning curves with embedders as lines: by far the largest choice.
const ALL = "all";

function embeddersView() {
  const root = document.getElementById("embedders-view");
  const rounds = new Set(DATA.datasets.map((task) => DATA.curves.labels[task].length));
  const tasks = DATA.datasets.length > 1 && rounds.size === 1 ? [ALL, ...DATA.datasets] : DATA.datasets;
  const strategies = DATA.strategies.map(({ name }) => name);
  const state = { task: tasks[0], pool: ALL, strategy: ALL, metric: "accuracy" };
  const legal = { task: tasks, pool: [ALL, ...DATA.pools], strategy: [ALL, ...strategies], metric: Object.keys(METRICS) };
  const controls = h("div", { class: "controls" });
  const place = h("div");
  const chart = lineChart(place);
  const here = addressed("embedders", () => state, (wanted) => { settle(state, wanted, legal); drawControls(); draw(); });
  const legend = h("ul", { class: "legend", "aria-label": "Embedders" });
  root.append(controls, legend, place, here.link);

  function drawControls() {
    const change = (key) => (value) => { state[key] = value; here.changed(); draw(); };
    const mean = (name) => (name === ALL ? "mean of all" : words(name));
    controls.replaceChildren(
      select("task", legal.task, state.task, change("task"), mean),
      select("initial pool", legal.pool, state.pool, change("pool"), mean),
      select("strategy", legal.strategy, state.strategy, change("strategy"), mean),
      select("metric", legal.metric, state.metric, change("metric"), (name) => METRICS[name]),
    );
  }

  function draw() {
    legend.replaceChildren(...DATA.embedder_looks.map((look) => h("li", {}, swatch("", colour(look)), words(look.name))));
    const chosen = (key, all) => (state[key] === ALL ? all : [state[key]]);
    const [own, pools, queries] = [chosen("task", DATA.datasets), chosen("pool", DATA.pools), chosen("strategy", strategies)];
    const cells = DATA.curves.value[state.metric];
    const lines = DATA.embedder_looks.map((look) => {
      const found = own.flatMap((task) => pools.flatMap((pool) => queries.map((name) => cells[`${task}/${look.name}/${pool}`]?.[name]))).filter(Boolean);
      const mean = found[0][0].map((_, i) => found.reduce((sum, [values]) => sum + values[i], 0) / found.length);
      const [, lo, hi] = found.length === 1 ? found[0] : [null, mean.map(() => null), mean.map(() => null)];
      const mark = own.length === 1 ? SEEN[DATA.seen[`${own[0]}/${look.name}`]] : "";
      return { key: look.name, name: words(look.name) + mark, shade: colour(look), dash: "", mean, lo, hi };
    });
    const columns = own.map((task) => DATA.curves.labels[task]);
    const same = columns.every((column) => column.every((value, i) => value === columns[0][i]));
    const labels = same ? columns[0] : columns[0].map((_, i) => i);
    const [first] = [...lines].sort((a, b) => b.mean.at(-1) - a.mean.at(-1));
    const text = `${METRICS[state.metric]} against ${same ? "labels" : "rounds"}, a line for each of ${lines.length} embedders. Highest at the end: ${first.name}, ${format(first.mean.at(-1), "points")}.`;
    chart({ labels, xLabel: same ? "labels" : "rounds", unit: `${METRICS[state.metric]}, points`, kind: "points", zero: false, text, bands: true, lines });
  }

  drawControls();
  onResize(root, draw);
}
