// A table that can be sorted by any column and filtered by the values of its text columns.
const FIRST_ROWS = 12;
// No value of a cell, as the empty text may be.
const EVERY = "*";

function tableView(parent, name, settings = {}) {
  const spec = DATA.tables[name];
  const state = { filters: { ...settings.filters }, sort: settings.sort ?? null, all: false };
  const place = Object.fromEntries(spec.columns.map((column, i) => [column.name, i]));
  const view = h("div", { class: "table-view" });
  parent.append(view);

  const matches = (row) =>
    Object.entries(state.filters).every(([column, wanted]) => wanted.split("|").includes(String(row[place[column]])));

  function filterControls() {
    return spec.columns.flatMap((column) => {
      const values = [...new Set(spec.rows.map((row) => String(row[place[column.name]])))];
      const chosen = state.filters[column.name];
      if ((column.kind !== "text" && column.name !== "budget") || values.length < 2 || values.length > 80) return [];
      const names = [EVERY, ...values, ...(chosen && !values.includes(chosen) ? [chosen] : [])];
      const show = (value) => (value === EVERY ? "all" : value === "" ? "none" : words(value).replaceAll("|", " or "));
      return [
        select(column.label, names, chosen ?? EVERY, (value) => {
          if (value === EVERY) delete state.filters[column.name];
          else state.filters[column.name] = value;
          state.all = false;
          fillRows();
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
  const count = h("p", { class: "note", "aria-live": "polite" });
  const more = h("button", { type: "button", class: "more", onclick: () => { state.all = true; fillRows(); } });
  const heads = spec.columns.map((column) => {
    const numeric = column.kind !== "text";
    const button = h("button", { type: "button", onclick: () => {
      const first = numeric ? `-${column.name}` : column.name;
      const second = numeric ? column.name : `-${column.name}`;
      state.sort = state.sort === first ? second : first;
      fillRows();
    } }, column.label, h("span", { "aria-hidden": "true" }, ""));
    return h("th", { scope: "col", class: numeric ? "right" : null }, button);
  });

  function fillRows() {
    const rows = sorted(spec.rows.filter(matches));
    const shown = state.all ? rows : rows.slice(0, settings.first ?? FIRST_ROWS);
    body.replaceChildren(...shown.map((row) => h("tr", {}, row.map((value, i) => {
      const { kind, name: column } = spec.columns[i];
      const long = kind === "text" && String(value).length > 60;
      return h("td", { class: kind !== "text" ? "right" : long ? "long" : null, "data-column": column }, format(value, kind));
    }))));
    spec.columns.forEach((column, i) => {
      const direction = state.sort === column.name ? "ascending" : state.sort === `-${column.name}` ? "descending" : "none";
      heads[i].setAttribute("aria-sort", direction);
      heads[i].querySelector("span").textContent = { ascending: " ▲", descending: " ▼", none: "" }[direction];
    });
    count.textContent = rows.length === spec.rows.length ? `${rows.length} rows` : `${rows.length} of ${spec.rows.length} rows`;
    more.hidden = shown.length === rows.length;
    more.textContent = `Show all ${rows.length} rows`;
  }

  fillRows();
  view.append(
    h("h3", {}, spec.title),
    h("p", { class: "note" }, spec.note),
    h("div", { class: "controls" }, filterControls()),
    count,
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": spec.title },
      h("table", { "aria-label": spec.title }, h("thead", {}, h("tr", {}, heads)), body)),
    more,
  );
}
