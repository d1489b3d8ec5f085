// A chart of lines with intervals over labels: hover it, or use the arrow keys, for numbers.
function swatch(dash, shade) {
  return s("svg", { viewBox: "0 0 26 10", width: 22, height: 9, "aria-hidden": "true" },
    s("line", { x1: 1, x2: 25, y1: 5, y2: 5, stroke: shade, "stroke-width": 3, "stroke-dasharray": dash }));
}

// Its draw takes {labels, xLabel, unit, kind, zero, text, bands, lines: [{key, name, shade, dash, faint, mean, lo, hi}]}.
function lineChart(root) {
  const tip = h("div", { class: "tip", hidden: true });
  const drawing = h("div");
  const chart = h("div", { class: "chart" }, drawing, tip);
  root.append(chart);

  function draw({ labels, xLabel, unit, kind, zero, text, bands, lines }) {
    const width = Math.max(root.clientWidth, 280);
    const height = width < 600 ? 320 : 420;
    const naming = width >= 600;
    const box = { left: 46, right: width - (naming ? 150 : 12), top: 26, bottom: height - 40 };
    const values = lines.flatMap(({ mean, lo, hi }) => [...mean, ...lo, ...hi]).filter((value) => value !== null);
    let [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
    const pad = (high - low) * 0.04 || 1;
    [low, high] = [low - pad, high + pad];
    const x = (value) => box.left + ((value - labels[0]) / (labels.at(-1) - labels[0] || 1)) * (box.right - box.left);
    const y = (value) => box.bottom - ((value - low) / (high - low)) * (box.bottom - box.top);
    const path = (column) => column.map((value, i) => `${i ? "L" : "M"}${x(labels[i]).toFixed(1)},${y(value).toFixed(1)}`).join("");

    const marks = [
      ...ticks(low, high, 6).flatMap(({ value, text: tick }) => [
        s("line", { class: zero && tick === "0" ? "zero" : "axis", x1: box.left, x2: box.right, y1: y(value), y2: y(value) }),
        s("text", { class: "muted", x: box.left - 8, y: y(value) + 4, "text-anchor": "end" }, tick)]),
      ...ticks(labels[0], labels.at(-1), width < 600 ? 4 : 8, true).map(({ value, text: tick }) =>
        s("text", { class: "muted", x: x(value), y: box.bottom + 18, "text-anchor": "middle" }, tick)),
      s("text", { class: "muted", x: box.right, y: box.bottom + 35, "text-anchor": "end" }, xLabel),
      s("text", { class: "muted", x: 0, y: 12 }, unit),
    ];
    const areas = lines.filter(({ lo, faint }) => bands && !faint && !lo.includes(null)).map(({ shade, lo, hi }) => {
      const back = lo.map((value, i) => `L${x(labels[i]).toFixed(1)},${y(value).toFixed(1)}`).reverse().join("");
      return s("path", { class: "band", d: `${path(hi)}${back}Z`, fill: shade, "fill-opacity": 0.13 });
    });
    const some = lines.some(({ faint }) => faint);
    const curves = [...lines].sort((a, b) => Boolean(b.faint) - Boolean(a.faint)).map(({ key, mean, shade, dash, faint }) =>
      s("path", { class: "curve", d: path(mean), fill: "none", stroke: shade, "stroke-width": some && !faint ? 3.5 : 2,
        "stroke-opacity": faint ? 0.35 : 1, "stroke-dasharray": dash, "data-line": key }));
    const cross = s("g");
    let at = null;

    function point(next, aloud = false) {
      at = next;
      tip.hidden = at === null || !lines.length;
      cross.replaceChildren();
      if (tip.hidden) return;
      const ordered = [...lines].sort((a, b) => b.mean[at] - a.mean[at]);
      cross.append(s("line", { class: "cross", x1: x(labels[at]), x2: x(labels[at]), y1: box.top, y2: box.bottom }),
        ...ordered.map(({ shade, mean }) => s("circle", { cx: x(labels[at]), cy: y(mean[at]), r: 3.5, fill: shade })));
      const rows = ordered.map(({ name, shade, dash, faint, mean, lo, hi }) => h("tr", { class: some && !faint ? "bold" : null }, h("td", {}, swatch(dash, shade)), h("td", {}, name),
        h("td", { class: "right" }, format(mean[at], kind)), h("td", { class: "right" }, lo[at] === null ? "" : `[${format(lo[at], "points")}, ${format(hi[at], "points")}]`)));
      showTip(tip, chart, x(labels[at]), box.top, h("strong", {}, `${labels[at].toLocaleString("en")} ${xLabel}`), h("table", {}, h("tbody", {}, rows)));
      if (aloud) announce(`${labels[at]} ${xLabel}: ` + ordered.map(({ name, mean }) => `${name} ${format(mean[at], kind)}`).join(", "));
    }

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
          point(at === null ? (step > 0 ? 0 : labels.length - 1) : Math.min(Math.max(at + step, 0), labels.length - 1), true);
        } else if (event.key === "Escape") point(null);
      } }, marks, areas, curves, naming ? direct(lines, y, box) : [], cross);
    tip.hidden = true;
    drawing.replaceChildren(svg);
  }

  // Names at the ends of the lines, moved apart where they would overlap.
  function direct(lines, y, box) {
    const gap = 15;
    const ends = lines.map(({ name, shade, faint, mean }) => ({ name, shade, faint, from: y(mean.at(-1)) })).sort((a, b) => a.from - b.from);
    ends.forEach((end, i) => { end.to = Math.max(end.from, i ? ends[i - 1].to + gap : box.top); });
    const over = ends.length ? Math.max(0, ends.at(-1).to - box.bottom) : 0;
    for (let i = ends.length - 1, limit = box.bottom; over && i >= 0; i -= 1, limit -= gap) ends[i].to = Math.min(ends[i].to, limit);
    const some = lines.some(({ faint }) => faint);
    return ends.flatMap(({ name, shade, faint, from, to }) => [
      s("path", { d: `M${box.right + 2},${from}L${box.right + 14},${to}h10`, fill: "none", stroke: shade, "stroke-width": 1.5, "stroke-opacity": faint ? 0.35 : 1 }),
      s("text", { class: some ? (faint ? "muted" : "bold") : null, x: box.right + 28, y: to + 4 }, name)]);
  }

  return draw;
}
