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
  "threads.wait_p99": duration,
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

function showWorkers(workers) {
  const body = document.getElementById("workers");
  while (body.rows.length > workers.length) body.deleteRow(-1);
  workers.forEach((worker, i) => {
    const row = body.rows[i] || body.insertRow();
    while (row.cells.length < 7) {
      if (row.insertCell().cellIndex > 2) row.lastElementChild.className = "number";
    }
    const cells = [`${worker.id}`, `${worker.pid || ""}`, worker.state, clock(worker.age), whole.format(worker.jobs), bytes(worker.rss), worker.cpu > 0 ? `${worker.cpu.toFixed(1)} s` : ""];
    cells.forEach((text, j) => set(row.cells[j], text));
    row.cells[2].className = `state-${worker.state}`;
  });
  if (workers.length === 0) {
    const cell = body.insertRow().insertCell();
    cell.colSpan = 7;
    cell.className = "quiet";
    cell.textContent = "None is needed at the moment.";
  }
}

let plot = null;

function draw(past) {
  plot ??= chart(document.getElementById("lag"), {
    height: 320,
    series: [{ colour: "--accent", fillColour: "--accent-wash" }],
    format: (v) => (v >= 10 ? v.toFixed(0) : v.toFixed(1)),
    scale: { range: (_, low, high) => [0, Math.max(2, high * 1.15)] },
    xValues: (_, ticks) => ticks.map((t) => new Date(t * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false })),
  });
  plot.setData([past.map((s) => s.t), past.map((s) => s.lag)]);
}

let told = 0; // when the label of the chart was changed

function update(snapshot) {
  for (const element of values) set(element, format(element.dataset.value, at(snapshot, element.dataset.value)));
  for (const meter of meters) {
    if (meter.dataset.max) meter.max = at(snapshot, meter.dataset.max);
    meter.value = at(snapshot, meter.dataset.meter);
  }
  document.getElementById("failing").hidden = !snapshot.processes.failing;
  showWorkers(snapshot.processes.workers);
  draw(snapshot.past);
  if (Date.now() - told > 10000) { // a reader need not hear each second
    told = Date.now();
    const lags = snapshot.past.map((s) => s.lag);
    document.getElementById("lag").setAttribute("aria-label", `Lag of the reactor over ${lags.length} seconds: now ${duration(lags.at(-1))}, at most ${duration(Math.max(...lags))}`);
  }
}

live(() => "/api/status/events", { message: update });
