// Gain against a diagnostic of the embedding, one point per (task, embedder).
const TASK_COLOURS = [["#0072B2", "#5aaee0"], ["#D55E00", "#ff8f45"], ["#009E73", "#34c79d"], ["#AA4499", "#dd8ad0"], ["#8a6d00", "#d8b840"],
  ["#332288", "#a79bf0"], ["#882255", "#e07aa8"], ["#117733", "#5cc07d"], ["#555555", "#b5b5b5"], ["#AA3333", "#f08a8a"]];

function scatterView() {
  const root = document.getElementById("scatter-view");
  const embeddings = DATA.tables.embeddings;
  const measures = embeddings.columns.filter(({ kind }) => kind !== "text");
  const measureAt = Object.fromEntries(embeddings.columns.map((column, i) => [column.name, i]));
  const cells = DATA.tables.cells, pools = DATA.tables.pool_gains;
  const column = (table, name) => table.columns.findIndex((found) => found.name === name);
  const sources = [
    ...[...new Set(pools.rows.map((row) => row[column(pools, "ips")]))].flatMap((ips) => ["initial", "early"].map((phase) => ({
      name: `pool_gain.${ips}.${phase}`, label: `${words(ips)} pool, ${phase === "initial" ? "round 0" : "early third"}`,
      rows: pools.rows.filter((row) => row[column(pools, "ips")] === ips && row[column(pools, "phase")] === phase),
      table: pools, value: "mean" }))),
    ...DATA.strategies.filter(({ name }) => name !== "random").map(({ name }) => ({
      name: `strategy_gain.${name}`, label: `${words(name)} over random`,
      rows: cells.rows.filter((row) => row[column(cells, "strategy")] === name), table: cells, value: "gain" })),
  ];
  if (!sources.length) return;
  const state = { source: sources[0].name, measure: "accuracy" };
  const tip = h("div", { class: "tip", hidden: true });
  const chart = h("div", { class: "chart" });
  const found = h("p", { "aria-live": "polite" });
  const legal = { source: sources.map(({ name }) => name), measure: measures.map(({ name }) => name) };
  const controls = h("div", { class: "controls" });
  const here = addressed("embeddings", () => state, (wanted) => { settle(state, wanted, legal); drawControls(); draw(); });
  const label = (name) => measures.find((measure) => measure.name === name).label;
  root.append(
    controls, found, chart, h("p", { class: "note" }, "One point per task and embedder, gains in points of accuracy averaged over seeds (and pools, for a strategy). Measures with * use labels. † the embedder was trained with labels of the task."),
    here.link,
  );

  function drawControls() {
    const change = (key) => (value) => { state[key] = value; here.changed(); draw(); };
    controls.replaceChildren(
      select("gain of", legal.source, state.source, change("source"), (name) => sources.find((source) => source.name === name).label),
      select("against", legal.measure, state.measure, change("measure"), label));
  }

  function correlation() {
    const { columns, rows } = DATA.tables.quality;
    const i = Object.fromEntries(columns.map((entry, place) => [entry.name, place]));
    const measure = state.measure === "accuracy" ? "probe_accuracy" : state.measure;
    const own = rows.filter((row) => row[i.measure] === measure && row[i.outcome] === state.source);
    const text = (row) => (row[i.spearman] === null ? "not defined" : `${minus(row[i.spearman].toFixed(2))}` +
      (row[i.spearman_lo] === null ? "" : ` [${minus(row[i.spearman_lo].toFixed(2))}, ${minus(row[i.spearman_hi].toFixed(2))}]`));
    const [pooled, within] = ["pooled", "within"].map((level) => own.find((row) => row[i.level] === level));
    return pooled ? `Spearman's ρ over all points ${text(pooled)}; within tasks ${text(within)}.` : "";
  }

  function draw() {
    const { kind } = measures.find(({ name }) => name === state.measure);
    const { rows, table, value } = sources.find(({ name }) => name === state.source);
    const sums = new Map();
    for (const row of rows) {
      const key = `${row[column(table, "dataset")]}/${row[column(table, "embedder")]}`;
      const [total, count] = sums.get(key) ?? [0, 0];
      sums.set(key, [total + row[column(table, value)], count + 1]);
    }
    const points = embeddings.rows.map((row) => {
      const [dataset, embedder] = [row[measureAt.dataset], row[measureAt.embedder]];
      const [total, count] = sums.get(`${dataset}/${embedder}`) ?? [0, 0];
      return { dataset, embedder, x: row[measureAt[state.measure]], y: count ? total / count : null };
    }).filter(({ x, y }) => x !== null && y !== null);
    found.textContent = correlation();
    const width = Math.max(chart.clientWidth, 280), narrow = width < 600;
    const height = narrow ? 340 : 400;
    const box = { left: 46, right: width - 16, top: 26, bottom: height - 62 - (narrow ? 18 * Math.ceil(DATA.datasets.length / 2) : 18 * Math.ceil(DATA.datasets.length / 5)) };
    const range = (list, zero) => {
      const all = zero ? [...list, 0] : list;
      const [low, high] = all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
      const pad = (high - low) * 0.06 || 1;
      return [low - pad, high + pad];
    };
    const [x0, x1] = range(points.map(({ x }) => x), false), [y0, y1] = range(points.map(({ y }) => y), true);
    const px = (value) => box.left + ((value - x0) / (x1 - x0)) * (box.right - box.left);
    const py = (value) => box.bottom - ((value - y0) / (y1 - y0)) * (box.bottom - box.top);
    const shade = (dataset) => TASK_COLOURS[DATA.datasets.indexOf(dataset) % TASK_COLOURS.length][dark() ? 1 : 0];
    const perRow = narrow ? 2 : 5;
    const parts = [
      ...ticks(y0, y1, 8).flatMap(({ value: tick, text }) => [
        s("line", { class: Number(text) === 0 ? "zero" : "axis", x1: box.left, x2: box.right, y1: py(tick), y2: py(tick) }),
        s("text", { class: "muted", x: box.left - 8, y: py(tick) + 4, "text-anchor": "end" }, text)]),
      ...ticks(x0, x1, narrow ? 4 : 8).map(({ value: tick, text }) => s("text", { class: "muted", x: px(tick), y: box.bottom + 18, "text-anchor": "middle" }, text)),
      s("text", { class: "muted", x: 0, y: 12 }, "gain, points"),
      s("text", { class: "muted", x: box.right, y: box.bottom + 36, "text-anchor": "end" }, label(state.measure) + (kind === "points" ? ", points" : "")),
      ...DATA.datasets.flatMap((dataset, i) => {
        const own = points.filter((point) => point.dataset === dataset).sort((a, b) => a.x - b.x);
        const at = { x: box.left + ((i % perRow) * (box.right - box.left)) / perRow, y: box.bottom + 58 + 18 * Math.floor(i / perRow) };
        return [
          s("polyline", { points: own.map(({ x, y }) => `${px(x)},${py(y)}`).join(" "), fill: "none", stroke: shade(dataset), "stroke-opacity": 0.45 }),
          s("circle", { cx: at.x, cy: at.y - 4, r: 5, fill: shade(dataset) }), s("text", { x: at.x + 10, y: at.y }, words(dataset)),
          ...own.map(({ embedder, x, y }) => {
            const mark = DATA.seen[`${dataset}/${embedder}`] === "yes" ? s("text", { x: px(x) + 7, y: py(y) - 5 }, "†") : null;
            return [s("circle", { cx: px(x), cy: py(y), r: 6, fill: shade(dataset), stroke: "var(--ground)" }), mark];
          }).flat().filter((part) => part !== null)];
      }),
    ];
    const ring = s("circle", { r: 9, fill: "none", stroke: "var(--ink)", "stroke-width": 2, visibility: "hidden" });
    const ordered = [...points].sort((a, b) => a.x - b.x);
    let at = null;
    function point(next, aloud = false) {
      at = next;
      tip.hidden = at === null;
      ring.setAttribute("visibility", at === null ? "hidden" : "visible");
      if (at === null) return;
      const { dataset, embedder, x, y } = ordered[at];
      ring.setAttribute("cx", px(x));
      ring.setAttribute("cy", py(y));
      const name = `${words(dataset)}, ${words(embedder)}${SEEN[DATA.seen[`${dataset}/${embedder}`]]}`;
      const numbers = `${label(state.measure)} ${format(x, "number")}, gain ${format(y, "gain")}`;
      showTip(tip, chart, px(x), py(y) - 20, h("strong", {}, name), h("div", {}, numbers));
      if (aloud) announce(`${name}: ${numbers}`);
    }
    const text = `Gain against ${label(state.measure)} for ${points.length} points. ${found.textContent}`;
    const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", tabindex: "0", "aria-label": text,
      onpointermove: (event) => {
        const edge = svg.getBoundingClientRect();
        const gaps = ordered.map(({ x, y }) => Math.hypot(px(x) - event.clientX + edge.left, py(y) - event.clientY + edge.top));
        const nearest = gaps.indexOf(Math.min(...gaps));
        point(gaps[nearest] < 40 ? nearest : null);
      },
      onpointerleave: () => point(null),
      onblur: () => point(null),
      onkeydown: (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step && ordered.length) {
          event.preventDefault();
          point(at === null ? (step > 0 ? 0 : ordered.length - 1) : Math.min(Math.max(at + step, 0), ordered.length - 1), true);
        } else if (event.key === "Escape") point(null);
      } }, parts, ring);
    tip.hidden = true;
    chart.replaceChildren(svg, tip);
  }
  drawControls();
  onResize(chart, draw);
}
