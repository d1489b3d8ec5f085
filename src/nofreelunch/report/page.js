"use strict";
// Helpers that all views share. All text from the data reaches the page as text nodes, never as markup.
const DATA = JSON.parse(document.getElementById("data").textContent);
const SEEN = { yes: " †", related: " (†)", no: "", unknown: " ?" };
const SVG = "http://www.w3.org/2000/svg";
// Registry names for people; anything else is left as it is.
const words = (name) => (/^[a-z0-9_.|]+$/.test(name) ? name.replaceAll("_", " ").replaceAll(".", " · ") : name) + (DATA.foreign.includes(name) ? " ‡" : "");

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null));
  return node;
}
const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

function select(label, names, chosen, change, show = words) {
  const options = names.map((name) => h("option", { value: name, selected: name === chosen }, show(name)));
  return h("label", {}, label, h("select", { onchange: (event) => change(event.target.value) }, options));
}

// Views whose settings stand in the address: name → what takes settings.
const ADDRESSED = new Map();
function address(name, settings) {
  const query = String(new URLSearchParams(Object.entries(settings).filter(([, value]) => value !== "")));
  return `#${name}${query && "?"}${query}`;
}

// A link to a view as it is set; `changed` puts that into the address bar.
function addressed(name, settings, apply) {
  const link = h("a", { class: "view-link", href: address(name, settings()) }, "Link to this view");
  ADDRESSED.set(name, apply);
  return {
    link,
    changed() {
      link.setAttribute("href", address(name, settings()));
      history.replaceState(null, "", link.getAttribute("href"));
    },
  };
}

// Take over those of the wanted settings that are legal.
function settle(state, wanted, legal) {
  for (const [key, names] of Object.entries(legal)) if (names.includes(wanted[key])) state[key] = wanted[key];
}

function announce(text) {
  document.getElementById("announcer").textContent = text;
}

const minus = (text) => text.replace("-", "−");
// No minus before what rounds to zero.
const fixed = (value, digits) => minus(value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1"));
const FORMAT = {
  text: (value) => words(value),
  points: (value) => fixed(value, 1),
  gain: (value) => (fixed(value, 2) !== "0.00" && value > 0 ? "+" : "") + fixed(value, 2),
  number: (value) => minus(Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)))),
  count: (value) => Math.round(value).toLocaleString("en"),
  share: (value) => `${(100 * value).toFixed(1)} %`,
  p: (value) => (value < 0.001 ? "< 0.001" : value.toFixed(3)),
  flag: (value) => (value ? "yes" : "no"),
};
const format = (value, kind) => (value === null ? "–" : FORMAT[kind](value));

function dark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
const colour = (strategy) => (dark() ? strategy.dark : strategy.light);

// `whole` for what is counted.
function ticks(low, high, wanted, whole = false) {
  const rough = Math.max((high - low) / wanted || 1, whole ? 1 : 0);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].filter((factor) => !whole || Number.isInteger(factor * power)).find((factor) => factor * power >= rough);
  const digits = whole ? 0 : Math.max(0, -Math.floor(Math.log10(step)) + (step / power === 2.5 ? 1 : 0));
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-6; value += step) {
    found.push({ value, text: minus((Math.abs(value) < step * 1e-6 ? 0 : value).toFixed(digits)) });
  }
  return found;
}

// A box with numbers beside a point of a chart, within the chart.
function showTip(tip, chart, left, top, ...content) {
  tip.hidden = false;
  tip.replaceChildren(...content);
  const beside = left + 14 + tip.offsetWidth > chart.clientWidth ? left - tip.offsetWidth - 14 : left + 14;
  tip.style.left = `${Math.max(0, Math.min(beside, chart.clientWidth - tip.offsetWidth))}px`;
  tip.style.top = `${top}px`;
}

// Views that are drawn now, so that an address finds its place, and again when the width or the theme changes.
const redraws = [];
function onResize(node, draw) {
  redraws.push(draw);
  let width = Math.round(node.clientWidth);
  draw();
  new ResizeObserver(() => {
    if (Math.round(node.clientWidth) !== width) {
      width = Math.round(node.clientWidth);
      draw();
    }
  }).observe(node);
}
