// The status page. Each element says by data-value which figure it shows.

import { chart } from "./chart.js";
import { live } from "./live.js";

const values = [...document.querySelectorAll("[data-value]")];
const meters = [...document.querySelectorAll("[data-meter]")];
const whole = new Intl.NumberFormat("en");

function at(snapshot, path) {
  return path.split(".").reduce((value, name) => value?.[name], snapshot);
}

function duration(milliseconds) {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  if (milliseconds >= 1) return `${milliseconds.toFixed(1)} ms`;
  return `${Math.round(milliseconds * 1000)} µs`;
}

function clock(seconds) {
  const s = Math.floor(seconds);
  const parts = [[Math.floor(s / 3600), "h"], [Math.floor(s / 60) % 60, "min"], [s % 60, "s"]];
  return parts.filter(([n], i) => n > 0 || i === 2).slice(0, 2).map(([n, unit]) => `${n} ${unit}`).join(" ");
}

const bytes = (n) => (n > 0 ? `${(n / (1 << 20)).toFixed(1)} MiB` : "");

// How the figures are shown that are no plain numbers.
const formats = {
  uptime: clock,
  pid: String,
  "reactor.lag": duration,
  "reactor.lag_p50": duration,
  "reactor.lag_p99": duration,
  "reactor.lag_max": duration,
  "reactor.busy": (share) => `${Math.round(100 * share)} %`,
  "runtime.heap": bytes,
};

function format(path, value) {
  if (value === undefined || value === null) return "";
  if (formats[path]) return formats[path](value);
  return typeof value === "number" ? whole.format(value) : value;
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// fill makes the rows of a table body, in place so that nothing flickers. From the
// column number on they hold numbers.
function fill(id, rows, number) {
  const body = document.getElementById(id);
  if (body.rows[0]?.cells.length === 1 && rows.length > 0) body.deleteRow(0); // that there is none
  while (body.rows.length > Math.max(rows.length, 1)) body.deleteRow(-1);
  rows.forEach((texts, i) => {
    const row = body.rows[i] || body.insertRow();
    texts.forEach((text, j) => {
      const cell = row.cells[j] || row.insertCell();
      cell.classList.toggle("number", j >= number);
      set(cell, text);
    });
  });
  if (rows.length === 0 && body.rows[0]?.cells.length !== 1) {
    body.replaceChildren();
    const cell = body.insertRow().insertCell();
    cell.colSpan = 20;
    cell.className = "quiet";
    cell.textContent = "None is needed at the moment.";
  }
}

function showWorkers(workers) {
  fill("workers", workers.map((w) => [
    `${w.id}`, `${w.pid || ""}`, w.state, clock(w.age), whole.format(w.jobs), bytes(w.rss), w.cpu > 0 ? `${w.cpu.toFixed(1)} s` : "",
  ]), 3);
  workers.forEach((worker, i) => {
    document.getElementById("workers").rows[i].cells[2].className = `state-${worker.state}`;
  });
}

function showPools(pools) {
  fill("pools", pools.map((p) => [
    p.name, `${p.busy} of ${p.max}`, whole.format(p.workers), whole.format(p.queued), whole.format(p.succeeded), whole.format(p.failed),
    duration(p.wait_p99), duration(p.run_p99),
  ]), 1);
}

let plot = null;

function draw(past) {
  plot ??= chart(document.getElementById("lag"), {
    height: 320,
    series: [{ colour: "--accent", fillColour: "--accent-wash" }],
    right: 32, // for half of a time of day
    format: (v, _, ticks) => v.toFixed(ticks[1] - ticks[0] < 1 ? 1 : 0),
    scale: { range: (_, low, high) => [0, Math.max(2, high * 1.15)] },
    xValues: (_, ticks) => ticks.map((t) => new Date(t * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false })),
  });
  plot.setData([past.map((s) => s.t), past.map((s) => s.lag)]);
}

let told = 0; // when the label of the chart was changed

function update(snapshot) {
  for (const element of values) set(element, format(element.dataset.value, at(snapshot, element.dataset.value)));
  for (const meter of meters) {
    meter.value = at(snapshot, meter.dataset.meter);
  }
  document.getElementById("failing").hidden = !snapshot.processes.failing;
  showWorkers(snapshot.processes.workers);
  showPools(snapshot.threads);
  draw(snapshot.past);
  if (Date.now() - told > 10000) { // a reader need not hear each second
    told = Date.now();
    const lags = snapshot.past.map((s) => s.lag);
    document.getElementById("lag").setAttribute("aria-label", `Lag of the reactor over ${lags.length} seconds: now ${duration(lags.at(-1))}, at most ${duration(Math.max(...lags))}`);
  }
}

live(() => "/api/status/events", { message: update });
