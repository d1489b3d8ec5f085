// All cells at a glance: a heat map whose cells lead to their curves, and the mean ranks.
const SHOWN = {
  gain: { label: "gain over random", kind: "gain", higher: true },
  aulc: { label: "AULC", kind: "points", higher: true },
  rank: { label: "rank", kind: "number", higher: false },
  regret: { label: "regret to the best", kind: "points", higher: false },
};

function overviewView() {
  const root = document.getElementById("overview-view");
  const spec = DATA.tables.cells;
  const at = Object.fromEntries(spec.columns.map((column, i) => [column.name, i]));
  const state = { shown: "gain", pool: DATA.pools[0] };
  const title = h("h3", { id: "heat-title" });
  const heat = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Overview of all cells" });
  const legal = { shown: Object.keys(SHOWN), pool: DATA.pools };
  const controls = h("div", { class: "controls" });
  const here = addressed("overview", () => state, (wanted) => { settle(state, wanted, legal); drawControls(); draw(); });
  root.append(controls, title, heat, here.link);

  function drawControls() {
    const change = (key) => (value) => { state[key] = value; here.changed(); draw(); };
    controls.replaceChildren(
      select("number", legal.shown, state.shown, change("shown"), (name) => SHOWN[name].label),
      select("initial pool", legal.pool, state.pool, change("pool")),
    );
  }

  // Orange above and purple below zero for gains; otherwise the more orange the better.
  function background(value, all, { higher }) {
    if (state.shown === "gain") {
      const reach = Math.max(...all.map(Math.abs)) || 1;
      return `rgba(var(--${value >= 0 ? "more" : "less"}), ${((Math.abs(value) / reach) * 0.6).toFixed(3)})`;
    }
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const share = (value - low) / (high - low || 1);
    return `rgba(var(--more), ${((higher ? share : 1 - share) * 0.6).toFixed(3)})`;
  }

  function draw() {
    const shown = SHOWN[state.shown];
    const rows = spec.rows.filter((row) => row[at.ips] === state.pool);
    const value = new Map(rows.map((row) => [`${row[at.dataset]}/${row[at.embedder]}/${row[at.strategy]}`, row[at[state.shown]]]));
    const sites = DATA.datasets.flatMap((dataset) => DATA.embedders.map((embedder) => ({ dataset, embedder })));
    const columns = sites.map(({ dataset, embedder }) => DATA.strategies.map(({ name }) => value.get(`${dataset}/${embedder}/${name}`)));
    const best = columns.map((column) => (shown.higher ? Math.max(...column) : Math.min(...column)));
    // Accuracies of different tasks do not compare, gains and ranks do.
    const scale = state.shown === "aulc" ? columns : columns.map(() => columns.flat());
    const head = h("thead", {},
      h("tr", {}, h("td"), DATA.datasets.map((name) => h("th", { scope: "colgroup", class: "first", colspan: DATA.embedders.length }, words(name)))),
      h("tr", {}, h("td"), sites.map(({ dataset, embedder }) => h("th", { scope: "col", class: embedder === DATA.embedders[0] ? "first" : null }, words(embedder) + SEEN[DATA.seen[`${dataset}/${embedder}`]]))));
    const body = DATA.strategies.map(({ name }, i) => h("tr", {}, h("th", { scope: "row" }, words(name)), sites.map(({ dataset, embedder }, j) => {
      const number = columns[j][i];
      const text = format(number, shown.kind);
      const isBest = number === best[j];
      return h("td", { class: embedder === DATA.embedders[0] ? "first" : null, style: `background: ${background(number, scale[j], shown)}` }, h("button", {
        type: "button", class: isBest ? "best" : null,
        "aria-label": `${words(name)} on ${words(dataset)} with ${words(embedder)}: ${text}${isBest ? ", best" : ""}; show curves`,
        onclick: () => {
          // For the way back to this view.
          history.pushState(null, "");
          curvesView.show(dataset, embedder, state.pool, name);
          document.getElementById("curves").scrollIntoView();
          document.querySelector("#curves-view svg[role=img]").focus({ preventScroll: true });
        } }, text));
    })));
    const unit = UNIT[shown.kind] ? `, in ${UNIT[shown.kind]},` : "";
    title.textContent = `${shown.label[0].toUpperCase()}${shown.label.slice(1)}${unit} after a ${words(state.pool)} pool; the best of a column is underlined`;
    heat.replaceChildren(h("table", { class: "heat", "aria-labelledby": "heat-title" }, head, h("tbody", {}, body)));
  }
  drawControls();
  draw();
}

// Mean ranks on a line; bars join neighbours within Nemenyi's critical difference (Demšar 2006).
function ranksView() {
  const root = document.getElementById("ranks-view");
  const rows = (name) => {
    const { columns, rows: found } = DATA.tables[name];
    return found.map((row) => Object.fromEntries(columns.map((column, i) => [column.name, row[i]]))).filter((row) => row.scope === "all");
  };
  const [test] = rows("friedman");
  const strategies = rows("mean_ranks").sort((a, b) => a.mean_rank - b.mean_rank);
  const critical = test?.critical_difference;
  if (critical === undefined || critical === null) {
    root.append(h("p", { class: "note" }, "Needs at least two strategies."));
    return;
  }
  const groups = strategies
    .map((first, i) => [i, strategies.findLastIndex((other) => other.mean_rank - first.mean_rank <= critical)])
    .filter(([from, to], i, all) => to > from && !all.slice(0, i).some(([, end]) => end >= to));
  const chart = h("div", { class: "chart" });
  root.append(chart, h("p", { class: "note" },
    `Ranks of the mean AULC on each of ${test.tasks} task${test.tasks === 1 ? "" : "s"}; bars join strategies whose mean ranks differ by less than Nemenyi's critical difference, ${critical.toFixed(2)}. ` +
    (critical < test.largest ? "" : `With so few tasks no two can be told apart: mean ranks differ by ${test.largest} at most. `) +
    (test.p === null ? "" : `Friedman's test that all are equal: p ${test.p < 0.001 ? "< 0.001" : `= ${test.p.toFixed(3)}`}.`)));
  onResize(chart, () => {
    const width = Math.max(chart.clientWidth, 280);
    const left = 150, right = width - 50, row = 24, top = 30;
    const low = Math.min(1, strategies[0].mean_rank), high = strategies.length;
    const x = (rank) => left + ((rank - low) / (high - low || 1)) * (right - left);
    const height = top + row * strategies.length + 14 * groups.length + 14;
    const bottom = top + row * strategies.length;
    const parts = [
      ...ticks(low, high, Math.min(high, 8), true).flatMap(({ value, text }) => [
        s("line", { class: "axis", x1: x(value), x2: x(value), y1: top - 8, y2: bottom }),
        s("text", { class: "muted", x: x(value), y: top - 14, "text-anchor": "middle" }, text)]),
      ...strategies.flatMap((strategy, i) => {
        const known = DATA.strategies.find(({ name }) => name === strategy.strategy);
        const cy = top + row * i + row / 2;
        return [
          s("text", { x: 0, y: cy + 4 }, words(strategy.strategy)),
          s("circle", { cx: x(strategy.mean_rank), cy, r: 6, fill: colour(known) }),
          s("text", { x: x(strategy.mean_rank) + 12, y: cy + 4 }, strategy.mean_rank.toFixed(2))];
      }),
      ...groups.map(([from, to], i) => s("line", { x1: x(strategies[from].mean_rank) - 5, x2: x(strategies[to].mean_rank) + 5,
        y1: bottom + 8 + 14 * i, y2: bottom + 8 + 14 * i, stroke: "var(--muted)", "stroke-width": 5, "stroke-linecap": "round" })),
    ];
    const text = `Mean ranks, 1 is best: ${strategies.map(({ strategy, mean_rank: rank }) => `${words(strategy)} ${rank.toFixed(2)}`).join(", ")}.`;
    chart.replaceChildren(s("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": text }, parts));
  });
}
