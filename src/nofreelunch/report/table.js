// A table that can be sorted by any column, filtered by the values of its text columns, and taken away as CSV.
const FIRST_ROWS = 12;
// No value of a cell, as the empty text may be.
const EVERY = "*";
const UNIT = { points: "points", gain: "points", share: "%" };

// As RFC 4180 has it; numbers in the units of the page, unrounded.
function csv(columns, rows) {
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const heads = columns.map(({ label, kind }) => quoted(UNIT[kind] ? `${label} (${UNIT[kind]})` : label));
  const value = (cell, kind) => (cell === null ? "" : quoted(String(kind === "share" ? Number((100 * cell).toPrecision(6)) : cell)));
  return [heads, ...rows.map((row) => row.map((cell, i) => value(cell, columns[i].kind)))].map((line) => `${line.join(",")}\r\n`).join("");
}

function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function tableView(parent, name, settings = {}) {
  const spec = DATA.tables[name];
  const state = { filters: { ...settings.filters }, sort: settings.sort ?? null, all: false };
  const place = Object.fromEntries(spec.columns.map((column, i) => [column.name, i]));
  // What says which row it is: on a narrow screen one column that stays in sight.
  const named = ({ kind, name: column }) => kind === "text" || column === "budget";
  const first = spec.columns.findIndex((column) => !named(column));
  const keys = new Set([...spec.columns.keys()].slice(0, first < 0 ? undefined : first).filter((i) => spec.columns[i].name !== "seen"));
  const view = h("div", { class: "table-view" });
  parent.append(view);

  const matches = (row) =>
    Object.entries(state.filters).every(([column, wanted]) => wanted.split("|").includes(String(row[place[column]])));
  const chosenRows = () => sorted(spec.rows.filter(matches));

  function filterControls() {
    return spec.columns.flatMap((column) => {
      const values = [...new Set(spec.rows.map((row) => String(row[place[column.name]])))];
      const chosen = state.filters[column.name];
      if ((column.kind !== "text" && column.name !== "budget") || values.length < 2 || values.length > 80) return [];
      const names = [EVERY, ...values, ...(chosen && !values.includes(chosen) ? [chosen] : [])];
      const show = (value) => (value === EVERY ? "any" : value === "" ? "none" : words(value).replaceAll("|", " or "));
      return [
        select(column.label, names, chosen ?? EVERY, (value) => {
          if (value === EVERY) delete state.filters[column.name];
          else state.filters[column.name] = value;
          state.all = false;
          changed();
        }, show),
      ];
    });
  }

  function sorted(rows) {
    if (!state.sort) return rows;
    const column = state.sort.replace(/^-/, "");
    const sign = state.sort.startsWith("-") ? -1 : 1;
    const i = place[column];
    return [...rows].sort((one, other) => {
      const [a, b] = [one[i], other[i]];
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (typeof a === "number" ? a - b : String(a).localeCompare(String(b)));
    });
  }

  const body = h("tbody");
  const keyHead = h("th", { scope: "col", class: "key" });
  const count = h("p", { class: "note", "aria-live": "polite" });
  const more = h("button", { type: "button", class: "more", onclick: () => { state.all = true; fillRows(); } });
  const link = h("a", { class: "view-link" }, "Link to this view");
  const save = h("button", { type: "button", class: "csv", "aria-label": `${spec.title} as CSV`, onclick: () => download(`${name}.csv`, csv(spec.columns, chosenRows())) }, "CSV");
  const heads = spec.columns.map((column, i) => {
    const numeric = column.kind !== "text";
    const button = h("button", { type: "button", onclick: () => {
      const first = numeric ? `-${column.name}` : column.name;
      const second = numeric ? column.name : `-${column.name}`;
      state.sort = state.sort === first ? second : first;
      changed();
    } }, column.label, h("span", { class: "order", "aria-hidden": "true" }, ""), UNIT[column.kind] === "points" ? h("span", { class: "unit" }, "points") : "");
    return h("th", { scope: "col", class: [numeric ? "right" : "", keys.has(i) ? "lead" : ""].join(" ").trim() || null, "data-column": column.name }, button);
  });

  function changed() {
    fillRows();
    if (settings.addressed) history.replaceState(null, "", link.getAttribute("href"));
  }

  function fillRows() {
    const rows = chosenRows();
    const shown = state.all ? rows : rows.slice(0, settings.first ?? FIRST_ROWS);
    // What a filter says need not stand in every row.
    const telling = [...keys].filter((i) => (state.filters[spec.columns[i].name] ?? "|").includes("|"));
    const key = telling.length ? telling : [...keys];
    keyHead.textContent = key.map((i) => spec.columns[i].label).join(" · ");
    body.replaceChildren(...shown.map((row) => h("tr", {},
      h("th", { scope: "row", class: "key" }, key.map((i) => format(row[i], spec.columns[i].kind)).filter(Boolean).join(" · ")),
      row.map((value, i) => {
        const { kind, name: column } = spec.columns[i];
        const long = kind === "text" && String(value).length > 60;
        const looks = [kind !== "text" ? "right" : long ? "long" : "", keys.has(i) ? "lead" : ""].filter(Boolean).join(" ");
        return h("td", { class: looks || null, "data-column": column }, format(value, kind));
      }))));
    spec.columns.forEach((column, i) => {
      const direction = state.sort === column.name ? "ascending" : state.sort === `-${column.name}` ? "descending" : "none";
      heads[i].setAttribute("aria-sort", direction);
      heads[i].querySelector(".order").textContent = { ascending: " ▲", descending: " ▼", none: "" }[direction];
    });
    count.textContent = rows.length === spec.rows.length ? `${rows.length} rows` : `${rows.length} of ${spec.rows.length} rows`;
    more.hidden = shown.length === rows.length;
    more.textContent = `Show all ${rows.length} rows`;
    link.setAttribute("href", address(`table/${name}`, { ...state.filters, sort: state.sort ?? "" }));
  }

  fillRows();
  view.append(
    h("h3", {}, spec.title),
    h("p", {}, spec.sentence),
    spec.note ? h("details", { class: "note" }, h("summary", {}, "How to read it"), h("p", {}, spec.note)) : "",
    h("div", { class: "controls" }, filterControls()),
    h("div", { class: "above" }, count, save, link),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": spec.title },
      h("table", { class: "keyed", "aria-label": spec.title },
        h("thead", {}, h("tr", {}, keyHead, heads)), body)),
    more,
  );
}
