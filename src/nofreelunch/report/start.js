// Put the views in their places, follow links into tables, switch the theme.
function tablesView(name, filters = {}) {
  const root = document.getElementById("tables-view");
  const names = Object.keys(DATA.tables);
  root.replaceChildren(h("div", { class: "controls" },
    select("table", names, name, (chosen) => { location.hash = `#table/${chosen}`; }, (key) => DATA.tables[key].title)));
  tableView(root, name, { filters, first: 40 });
}

function follow() {
  const [, name, query] = /^#table\/([a-z_]+)(?:\?(.*))?$/.exec(location.hash) ?? [];
  if (!name || !DATA.tables[name]) return;
  tablesView(name, Object.fromEntries(new URLSearchParams(query ?? "")));
  document.getElementById("tables").scrollIntoView();
  document.getElementById("tables-title").focus({ preventScroll: true });
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
  const link = event.target.closest("a[href^='#table/']");
  if (link && link.getAttribute("href") === location.hash) follow();
});
follow();
