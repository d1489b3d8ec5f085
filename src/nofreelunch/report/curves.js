// Learning curves of one cell: choose it, hover or use the arrow keys, hide and show strategies.
const METRICS = { accuracy: "accuracy", balanced_accuracy: "balanced accuracy", macro_f1: "macro-F1" };
const VIEWS = { value: "value", gain: "gain over random" };

const curvesView = (() => {
  const state = {
    dataset: DATA.datasets[0], embedder: DATA.focus, pool: DATA.pools[0], metric: "accuracy", view: "value",
    intervals: true, hidden: new Set(), at: null,
  };
  const root = document.getElementById("curves-view");
  const controls = h("div", { class: "controls" });
  const legend = h("div", { class: "legend", role: "group", "aria-label": "Strategies shown" });
  const tip = h("div", { class: "tip", hidden: true });
  const drawing = h("div");
  const chart = h("div", { class: "chart" }, drawing, tip);
  const numbers = h("tbody");
  const head = h("thead");
  const table = h("details", {}, h("summary", {}, "These curves as a table"),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Curves as a table" }, h("table", {}, head, numbers)));
  root.append(controls, legend, chart, table);

  function lines() {
    const cell = DATA.curves[state.view][state.metric][`${state.dataset}/${state.embedder}/${state.pool}`] ?? {};
    return DATA.strategies.filter(({ name }) => cell[name] && !state.hidden.has(name)).map((strategy) => {
      const [mean, lo, hi] = cell[strategy.name];
      return { strategy, mean, lo, hi };
    });
  }

  function swatch(strategy) {
    return s("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" },
      s("line", { x1: 1, x2: 25, y1: 5, y2: 5, stroke: colour(strategy), "stroke-width": 3, "stroke-dasharray": strategy.dash }));
  }

  function drawControls() {
    const change = (key) => (value) => { state[key] = value; state.at = null; draw(); };
    const seen = (name) => words(name) + SEEN[DATA.seen[`${state.dataset}/${name}`]];
    controls.replaceChildren(
      select("task", DATA.datasets, state.dataset, (value) => { change("dataset")(value); drawControls(); }),
      select("embedder", DATA.embedders, state.embedder, change("embedder"), seen),
      select("initial pool", DATA.pools, state.pool, change("pool")),
      select("metric", Object.keys(METRICS), state.metric, change("metric"), (name) => METRICS[name]),
      select("show", Object.keys(VIEWS), state.view, change("view"), (name) => VIEWS[name]),
      h("label", { class: "check" }, h("input", { type: "checkbox", checked: state.intervals, onchange: (event) => {
        state.intervals = event.target.checked;
        draw();
      } }), "95 % intervals"),
    );
  }

  function drawLegend() {
    const toggle = (name) => () => {
      if (!state.hidden.delete(name)) state.hidden.add(name);
      drawLegend();
      draw();
      legend.querySelector(`[data-strategy="${name}"]`).focus();
    };
    legend.replaceChildren(...DATA.strategies.map((strategy) =>
      h("button", { type: "button", "data-strategy": strategy.name, "aria-pressed": String(!state.hidden.has(strategy.name)), onclick: toggle(strategy.name) },
        swatch(strategy), words(strategy.name))));
  }

  function draw() {
    const shown = lines();
    const labels = DATA.curves.labels[state.dataset];
    const width = Math.max(root.clientWidth, 280);
    const height = width < 600 ? 320 : 420;
    const naming = width >= 600;
    const box = { left: 46, right: width - (naming ? 150 : 12), top: 26, bottom: height - 40 };
    const values = shown.flatMap(({ mean, lo, hi }) => [...mean, ...lo, ...hi]).filter((value) => value !== null);
    let [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
    const pad = (high - low) * 0.04 || 1;
    [low, high] = [low - pad, high + pad];
    const x = (value) => box.left + ((value - labels[0]) / (labels.at(-1) - labels[0] || 1)) * (box.right - box.left);
    const y = (value) => box.bottom - ((value - low) / (high - low)) * (box.bottom - box.top);
    const path = (column) => column.map((value, i) => `${i ? "L" : "M"}${x(labels[i]).toFixed(1)},${y(value).toFixed(1)}`).join("");
    const unit = state.view === "gain" ? "points over random" : "%";

    const marks = [
      ...ticks(low, high, 6).flatMap(({ value, text }) => [
        s("line", { class: state.view === "gain" && text === "0" ? "zero" : "axis", x1: box.left, x2: box.right, y1: y(value), y2: y(value) }),
        s("text", { class: "muted", x: box.left - 8, y: y(value) + 4, "text-anchor": "end" }, text)]),
      ...ticks(labels[0], labels.at(-1), width < 600 ? 4 : 8).map(({ value, text }) =>
        s("text", { class: "muted", x: x(value), y: box.bottom + 18, "text-anchor": "middle" }, text)),
      s("text", { class: "muted", x: box.right, y: box.bottom + 35, "text-anchor": "end" }, "labels"),
      s("text", { class: "muted", x: 0, y: 12 }, `${METRICS[state.metric]}, ${unit}`),
    ];
    const bands = shown.filter(({ lo }) => state.intervals && !lo.includes(null)).map(({ strategy, lo, hi }) => {
      const back = lo.map((value, i) => `L${x(labels[i]).toFixed(1)},${y(value).toFixed(1)}`).reverse().join("");
      return s("path", { class: "band", d: `${path(hi)}${back}Z`, fill: colour(strategy), "fill-opacity": 0.13 });
    });
    const curves = shown.map(({ strategy, mean }) =>
      s("path", { class: "curve", d: path(mean), fill: "none", stroke: colour(strategy), "stroke-width": 2, "stroke-dasharray": strategy.dash, "data-strategy": strategy.name }));
    const names = naming ? direct(shown, y, box) : [];
    const cross = s("g");
    const best = [...shown].sort((a, b) => b.mean.at(-1) - a.mean.at(-1))[0];
    const text = `${METRICS[state.metric]}${state.view === "gain" ? " gained over random" : ""} against labels on ${words(state.dataset)} with ${words(state.embedder)}, ` +
      `from a ${words(state.pool)} pool; ${shown.length} strategies` +
      (best ? `. Highest at ${labels.at(-1)} labels: ${words(best.strategy.name)}, ${format(best.mean.at(-1), "points")}.` : ".");
    const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", tabindex: "0", "aria-label": text,
      onpointermove: (event) => {
        const px = ((event.clientX - svg.getBoundingClientRect().left) / svg.getBoundingClientRect().width) * width;
        const gaps = labels.map((value) => Math.abs(x(value) - px));
        point(gaps.indexOf(Math.min(...gaps)));
      },
      onpointerleave: () => point(null),
      onblur: () => point(null),
      onkeydown: (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) {
          event.preventDefault();
          point(state.at === null ? (step > 0 ? 0 : labels.length - 1) : Math.min(Math.max(state.at + step, 0), labels.length - 1), true);
        } else if (event.key === "Escape") point(null);
      } }, marks, bands, curves, names, cross);
    drawing.replaceChildren(svg);

    function point(at, aloud = false) {
      state.at = at;
      tip.hidden = at === null || !shown.length;
      cross.replaceChildren();
      if (tip.hidden) return;
      const ordered = [...shown].sort((a, b) => b.mean[at] - a.mean[at]);
      cross.append(s("line", { class: "cross", x1: x(labels[at]), x2: x(labels[at]), y1: box.top, y2: box.bottom }),
        ...ordered.map(({ strategy, mean }) => s("circle", { cx: x(labels[at]), cy: y(mean[at]), r: 3.5, fill: colour(strategy) })));
      const kind = state.view === "gain" ? "gain" : "points";
      const rows = ordered.map(({ strategy, mean, lo, hi }) => h("tr", {}, h("td", {}, swatchCell(strategy)), h("td", {}, words(strategy.name)),
        h("td", { class: "right" }, format(mean[at], kind)), h("td", { class: "right" }, lo[at] === null ? "" : `[${format(lo[at], "points")}, ${format(hi[at], "points")}]`)));
      showTip(tip, chart, x(labels[at]), box.top, h("strong", {}, `${labels[at].toLocaleString("en")} labels`), h("table", {}, h("tbody", {}, rows)));
      if (aloud) announce(`${labels[at]} labels: ` + ordered.map(({ strategy, mean }) => `${words(strategy.name)} ${format(mean[at], kind)}`).join(", "));
    }
    if (state.at !== null) point(state.at);
    head.replaceChildren(h("tr", {}, h("th", { scope: "col" }, "labels"), shown.map(({ strategy }) => h("th", { scope: "col", class: "right" }, words(strategy.name)))));
    numbers.replaceChildren(...labels.map((value, i) => h("tr", {}, h("th", { scope: "row" }, String(value)),
      shown.map(({ mean }) => h("td", { class: "right" }, format(mean[i], state.view === "gain" ? "gain" : "points"))))));
  }

  function swatchCell(strategy) {
    const mark = swatch(strategy);
    mark.style.width = "22px";
    mark.style.height = "9px";
    return mark;
  }

  // Names at the ends of the lines, moved apart where they would overlap.
  function direct(shown, y, box) {
    const gap = 15;
    const ends = shown.map(({ strategy, mean }) => ({ strategy, from: y(mean.at(-1)) })).sort((a, b) => a.from - b.from);
    ends.forEach((end, i) => { end.to = Math.max(end.from, i ? ends[i - 1].to + gap : box.top); });
    const over = ends.length ? Math.max(0, ends.at(-1).to - box.bottom) : 0;
    for (let i = ends.length - 1, limit = box.bottom; over && i >= 0; i -= 1, limit -= gap) ends[i].to = Math.min(ends[i].to, limit);
    return ends.flatMap(({ strategy, from, to }) => [
      s("path", { d: `M${box.right + 2},${from}L${box.right + 14},${to}h10`, fill: "none", stroke: colour(strategy), "stroke-width": 1.5 }),
      s("text", { x: box.right + 28, y: to + 4 }, words(strategy.name))]);
  }

  onResize(root, () => { drawLegend(); draw(); });
  drawControls();
  return {
    show(dataset, embedder, pool) {
      Object.assign(state, { dataset, embedder, pool, at: null });
      drawControls();
      draw();
    },
  };
})();
