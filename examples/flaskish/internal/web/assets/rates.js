// Keeps the table fresh. The server answers 304 while nothing has changed, so
// asking is cheap; a hidden tab does not ask.
"use strict";

const every = 2000;

async function refresh() {
  if (document.hidden) return;
  let response;
  try {
    response = await fetch("/api/rates", { cache: "no-cache" });
  } catch {
    show("This page cannot reach its server. These are the last rates it got.");
    return;
  }
  if (!response.ok) return;
  const table = await response.json();
  if (!document.getElementById("as-of")) {
    location.reload(); // the first rates are there
    return;
  }
  for (const row of document.querySelectorAll("tr[data-currency]")) {
    const quote = table.rates[row.dataset.currency];
    const cell = row.querySelector(".number");
    if (!quote) continue;
    cell.classList.toggle("moved", cell.textContent !== quote.rate);
    cell.textContent = quote.rate;
    row.lastElementChild.textContent = quote.as_of;
  }
  document.getElementById("as-of").textContent = table.as_of;
  if (table.failing_since) {
    show(`The feed cannot be read since ${table.failing_since.slice(11, 19)} UTC. These are the last good rates.`);
  } else if ((table.stale_reason || []).includes("poll")) {
    show("The rates have not been refreshed for a while. These are the last good ones.");
  } else {
    show("");
  }
}

function show(text) {
  const banner = document.getElementById("stale");
  banner.textContent = text;
  banner.hidden = text === "";
}

setInterval(refresh, every);
document.addEventListener("visibilitychange", refresh);
