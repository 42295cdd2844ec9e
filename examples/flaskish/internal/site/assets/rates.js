// The rates page: a stream of tables moves the cells, the chart, the converter and
// the banner. Rates come as text, as published, and are numbers only to be drawn.

import { chart } from "./chart.js";
import { live } from "./live.js";

const $ = (id) => document.getElementById(id);
const rows = new Map([...document.querySelectorAll("tr[data-currency]")].map((row) => [row.dataset.currency, row]));

// Banner

const every = Number(document.querySelector(".rates")?.dataset.every || 30) * 1000;
let overdue = 0;

function banner(text) {
  if ($("stale").textContent !== text) $("stale").textContent = text;
  $("stale").hidden = text === "";
}

function tellFreshness(table) {
  clearTimeout(overdue);
  if (table.failing_since) {
    banner(`The feed cannot be read since ${table.failing_since.slice(11, 19)} UTC.${rows.size > 0 ? " These are the last good rates." : ""}`);
    return;
  }
  banner("");
  overdue = setTimeout(() => banner("The rates have not been refreshed for a while. These are the last good ones."), 3 * every + 2000);
}

// Table

function arrow(change) {
  if (!change) return ["", ""];
  const sign = change[0] === "+" ? "up" : change[0] === "-" ? "down" : "";
  const mark = { up: "▲ ", down: "▼ " }[sign] || "";
  return [mark + change.replace("-", "−") + " %", sign];
}

function setChange(element, change) {
  const [text, direction] = arrow(change);
  element.textContent = text;
  element.classList.toggle("up", direction === "up");
  element.classList.toggle("down", direction === "down");
}

function update(table) {
  if (!table.as_of) {
    tellFreshness(table);
    return;
  }
  if (!$("as-of")) {
    location.reload(); // the first rates are there
    return;
  }
  for (const [currency, row] of rows) {
    const quote = table.rates[currency];
    if (!quote) continue;
    const rate = row.querySelector(".rate");
    if (rate.textContent !== quote.rate) {
      rate.textContent = quote.rate;
      rate.classList.add("moved");
      setTimeout(() => rate.classList.remove("moved"), 1600);
    }
    setChange(row.querySelector(".change"), quote.change);
    const old = row.querySelector(".old");
    old.hidden = quote.as_of === table.as_of;
    old.textContent = `of ${quote.as_of}`;
  }
  $("as-of").textContent = table.as_of;
  $("as-of").dateTime = table.as_of;
  tellFreshness(table);
  latest = table;
  draw();
  convert();
}

// Chart

let latest = null;
let shown = "USD";
let history = null; // of shown
let plot = null;

const seconds = (day) => Date.parse(`${day}T00:00:00Z`) / 1000;

function digits(value) {
  return value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 4;
}

async function load(currency) {
  shown = currency;
  for (const [code, row] of rows) {
    row.classList.toggle("chosen", code === currency);
    row.querySelector(".pick").setAttribute("aria-pressed", String(code === currency));
  }
  let answer;
  try {
    const response = await fetch(`/api/rates/${currency}/history`);
    if (!response.ok) return;
    answer = await response.json();
  } catch {
    return; // the mark in the header tells
  }
  if (shown !== currency) return; // another was chosen meanwhile
  history = answer;
  draw();
}

function draw() {
  if (!history || !latest) return;
  const quote = latest.rates[shown];
  if (!quote) return;
  const last = history.points.at(-1)?.date ?? "";
  if (latest.as_of > last) {
    history.points.push({ date: latest.as_of, rate: quote.rate });
  }
  const now = latest.as_of;
  const days = history.points.map((p) => seconds(p.date));
  const past = history.points.map((p) => (p.date <= now ? Number(p.rate) : null));
  const future = history.points.map((p) => (p.date >= now ? Number(p.rate) : null));
  const course = history.points.length > 1;
  $("one-day").hidden = course;
  document.querySelector("figure").hidden = !course;
  $("shown").textContent = shown;
  $("shown-rate").textContent = quote.rate;
  setChange($("shown-change"), quote.change);
  if (!course) return;
  plot ??= chart($("plot"), {
    series: [{ colour: "--ghost", width: 1.5 }, { colour: "--accent" }],
    format: (v, _, ticks) => v.toFixed(digits(ticks.at(-1))),
    xValues: (_, ticks) => ticks.map((t) => new Date(t * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" })),
  });
  plot.setData([days, future, past]);
  $("ghost").hidden = !history.points.some((p) => p.date > now);
  const seen = past.filter((v) => v !== null);
  $("plot").setAttribute("aria-label",
    `${shown} per euro from ${history.points[0].date} to ${now}: now ${quote.rate}, lowest ${Math.min(...seen)}, highest ${Math.max(...seen)}`);
}

for (const [currency, row] of rows) {
  row.querySelector(".pick").addEventListener("click", () => load(currency));
}

// Converter

const form = $("converter");
let asked = 0;

async function convert() {
  if (!form || !form.elements.amount.value) return;
  const mine = ++asked;
  const query = new URLSearchParams(new FormData(form));
  let answer, ok;
  try {
    const response = await fetch(`/api/convert?${query}`);
    ok = response.ok;
    answer = await response.json();
  } catch {
    return;
  }
  if (mine !== asked) return;
  const result = $("conversion");
  result.classList.toggle("problem", !ok);
  const strong = document.createElement("strong");
  const line = document.createElement("span");
  if (ok) {
    strong.textContent = `${answer.amount} ${answer.from} = ${answer.result} ${answer.to}`;
    line.textContent = `1 ${answer.from} = ${answer.rate} ${answer.to}, fixing of ${answer.as_of}`;
  } else {
    line.textContent = answer.detail || answer.title;
  }
  result.replaceChildren(...(ok ? [strong, line] : [line]));
}

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    convert();
  });
  form.addEventListener("input", convert);
  $("swap").hidden = false;
  $("swap").addEventListener("click", () => {
    const { from, to } = form.elements;
    [from.value, to.value] = [to.value, from.value];
    convert();
  });
}

live(() => "/api/rates/events", { message: update });
if (rows.size > 0) load(rows.has("USD") ? "USD" : rows.keys().next().value);
