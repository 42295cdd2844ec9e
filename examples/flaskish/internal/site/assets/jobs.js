// The jobs page. One stream tells about all jobs of this visitor; what came of a
// job is asked of its result resource, as often as this page is loaded.

import { live } from "./live.js";

const $ = (id) => document.getElementById(id);
const order = $("order");
const list = $("jobs");
const template = $("job");
const shown = new Map(); // card of each job, by its id

const kinds = { mandelbrot: "Mandelbrot picture", montecarlo: "Monte Carlo of EUR/USD" };
const places = { process: "in a worker process", thread: "in a thread", cooperative: "in turns on the reactor" };

function complain(text) {
  $("order-problem").textContent = text;
  $("order-problem").hidden = text === "";
}

// Orders

async function start(body) {
  let response;
  try {
    response = await fetch("/api/jobs", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    complain("The server cannot be reached.");
    return;
  }
  if (response.ok) return; // the stream tells of it
  const problem = await response.json();
  complain(problem.detail || problem.title);
}

order.addEventListener("submit", async (event) => {
  event.preventDefault();
  complain("");
  const { kind, where, effort, crash } = order.elements;
  const job = { kind: kind.value, where: where.value, effort: effort.valueAsNumber };
  switch (event.submitter?.value) {
    case "all": {
      const seed = 1 + Math.floor(Math.random() * 1e9); // the same for all
      await Promise.all(Object.keys(places).map((place) => start({ ...job, where: place, seed })));
      break;
    }
    case "crash":
      await start({ ...job, where: "process", crash: crash.value });
      break;
    default:
      await start(job);
  }
});

$("effort").addEventListener("input", () => {
  $("effort-shown").textContent = $("effort").value;
});

// Cards

function make(job) {
  const card = template.content.firstElementChild.cloneNode(true);
  const find = (selector) => card.querySelector(selector);
  const place = document.createElement("span");
  place.className = "place";
  find("h3").append(kinds[job.kind] || job.kind, place);
  find("progress").setAttribute("aria-label", `${kinds[job.kind]}, ${places[job.where]}`);
  find(".cancel").addEventListener("click", () => {
    find(".cancel").disabled = true;
    fetch(card.dataset.location, { method: "DELETE" }).catch(() => { find(".cancel").disabled = false; });
  });
  find(".remove").addEventListener("click", () => {
    fetch(card.dataset.location, { method: "DELETE" }).catch(() => {}); // the mark in the header tells
  });
  return card;
}

function stateOf(job) {
  switch (job.state) {
    case "waiting":
      return "waiting for a worker";
    case "running":
      return `${Math.floor(job.percent)} %`;
    case "done":
      return `done in ${job.seconds.toFixed(1)} s`;
    case "failed":
      return `failed at ${Math.floor(job.percent)} %`;
    default:
      return job.state;
  }
}

function set(card, job) {
  const find = (selector) => card.querySelector(selector);
  card.dataset.state = job.state;
  card.dataset.id = job.id;
  if (job.location) {
    card.dataset.location = job.location;
    find(".link").href = job.location;
  }
  const pid = job.where === "process" && job.pid ? ` ${job.pid}` : "";
  find(".place").textContent = `${places[job.where]}${pid}`;
  if (find(".state").textContent !== stateOf(job)) find(".state").textContent = stateOf(job);
  find("progress").value = job.percent;
  find("progress").hidden = job.state === "done";
  const over = !["waiting", "running"].includes(job.state);
  const focused = over && document.activeElement === find(".cancel");
  find(".cancel").hidden = over;
  find(".remove").hidden = !over;
  if (focused) find(".remove").focus(); // whoever uses the keyboard goes on from here
  find(".link").hidden = !job.location || job.state === "canceled";
  if (job.problem && find(".problem").hidden) {
    find(".problem").hidden = false;
    find(".problem").textContent = `${job.problem.title}. ${job.problem.detail}`;
    find(".stderr").hidden = !job.problem.stderr;
    find("pre").textContent = job.problem.stderr || "";
  }
  if (job.state === "done" && job.location && !card.dataset.asked) {
    card.dataset.asked = "yes";
    showOutcome(card, job.location);
  }
}

// showOutcome asks the result resource twice: as JSON, and for the picture, which
// an img accepts and nothing else.
async function showOutcome(card, location) {
  let result;
  try {
    const response = await fetch(location, { headers: { Accept: "application/json" } });
    if (!response.ok) return; // expired meanwhile
    result = await response.json();
  } catch {
    delete card.dataset.asked; // with the next event
    return;
  }
  const lines = result.facts.map(({ name, value }) => {
    const line = document.createElement("div");
    line.append(Object.assign(document.createElement("dt"), { textContent: name }), Object.assign(document.createElement("dd"), { textContent: value }));
    return line;
  });
  card.querySelector("dl").replaceChildren(...lines);
  const image = card.querySelector("img");
  image.alt = result.facts.map(({ name, value }) => `${name} ${value}`).join("; ");
  image.src = location;
  card.querySelector(".outcome").hidden = false;
}

function update(jobs) {
  const ids = new Set(jobs.map((job) => job.id));
  for (const [id, card] of shown) {
    if (ids.has(id)) continue;
    if (card.contains(document.activeElement)) {
      const neighbour = card.nextElementSibling ?? card.previousElementSibling;
      (neighbour?.querySelector("button:not([hidden])") ?? $("jobs-title")).focus();
    }
    card.remove();
    shown.delete(id);
  }
  for (const job of [...jobs].reverse()) {
    let card = shown.get(job.id);
    if (!card) {
      card = make(job);
      shown.set(job.id, card);
      list.prepend(card);
    }
    set(card, job);
  }
  $("none").hidden = jobs.length > 0;
}

live(() => "/api/jobs/events", { message: update });
