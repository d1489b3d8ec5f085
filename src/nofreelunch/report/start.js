// Put the views in their places, follow links into tables, switch the theme.
function tablesView(name, { sort, ...filters } = {}) {
  const root = document.getElementById("tables-view");
  const names = Object.keys(DATA.tables);
  root.replaceChildren(h("div", { class: "controls" },
    select("table", names, name, (chosen) => { location.hash = `#table/${chosen}`; }, (key) => DATA.tables[key].title)));
  const known = new Set(DATA.tables[name].columns.map((column) => column.name));
  const wanted = Object.fromEntries(Object.entries(filters).filter(([column]) => known.has(column)));
  tableView(root, name, { filters: wanted, sort: known.has(sort?.replace(/^-/, "")) ? sort : null, first: 40, addressed: true });
}

function follow() {
  const [, table, name, query] = /^#(table\/)?([a-z_]+)(?:\?(.*))?$/.exec(location.hash) ?? [];
  const settings = Object.fromEntries(new URLSearchParams(query ?? ""));
  if (table && DATA.tables[name]) {
    tablesView(name, settings);
    const title = document.querySelector("#tables-view h3");
    title.tabIndex = -1;
    title.scrollIntoView();
    title.focus({ preventScroll: true });
  } else if (!table && query !== undefined && ADDRESSED.has(name)) {
    ADDRESSED.get(name)(settings);
    document.getElementById(name).scrollIntoView();
  }
}

function themeButton() {
  const button = document.getElementById("theme");
  const show = () => { button.textContent = dark() ? "Light" : "Dark"; };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    show();
    redraws.forEach((draw) => draw());
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { show(); redraws.forEach((draw) => draw()); });
  show();
}

embeddersView();
overviewView();
ranksView();
scatterView();
for (const place of document.querySelectorAll("[data-table]")) {
  const filters = Object.fromEntries(new URLSearchParams(place.dataset.filter ?? ""));
  tableView(place, place.dataset.table, { filters, sort: place.dataset.sort });
}
tablesView("cells");
themeButton();
window.addEventListener("hashchange", follow);
// The same link a second time changes no hash.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href*='?'], a[href^='#table/']");
  if (link && link.getAttribute("href") === location.hash) follow();
});
follow();
