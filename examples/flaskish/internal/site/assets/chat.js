// The chat page. It listens to one stream of events and speaks by POST, or does
// both over a WebSocket. What others said is only ever set as text.

import { live, mark } from "./live.js";

const $ = (id) => document.getElementById(id);
const { room, who } = $("chat").dataset;
const say = $("say");
const log = $("log");
const words = ["Amber", "Birch", "Cedar", "Dune", "Ember", "Fjord", "Grove", "Heath", "Iris", "Juniper"];

let lastEventId = "";
let newest = 0; // ID of the last message shown

// The name is kept for this browser.
try {
  $("nick").value = localStorage.getItem("nick") || "";
} catch { /* a browser may keep nothing */ }
if (!$("nick").value) $("nick").value = words[Math.floor(Math.random() * words.length)] + Math.floor(10 + Math.random() * 90);

function nick() {
  return $("nick").value.trim() || "Somebody";
}

function complain(text) {
  $("said-problem").textContent = text;
  $("said-problem").hidden = text === "";
}

function element(name, text, className = "") {
  const e = document.createElement(name);
  e.textContent = text;
  e.className = className;
  return e;
}

// What comes in

function clear() {
  log.replaceChildren();
  newest = 0;
}

function onSaid(message) {
  if (message.id <= newest) return; // sent again after a reconnect
  newest = message.id;
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  const item = document.createElement("li");
  const last = log.lastElementChild;
  item.dataset.who = message.who;
  item.classList.toggle("mine", message.who === who);
  const at = new Date(message.at);
  const by = element("div", "", "by");
  const time = element("time", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = message.at;
  by.append(element("b", message.who === who ? `${message.nick} (you)` : message.nick), time);
  if (last?.dataset.who === message.who && last.dataset.nick === message.nick && at - Date.parse(last.dataset.at) < 60000) {
    item.classList.add("more");
    by.classList.add("visually-hidden");
  }
  item.dataset.nick = message.nick;
  item.dataset.at = message.at;
  item.append(by, element("div", message.text, "words"));
  log.append(item);
  while (log.childElementCount > 500) log.firstElementChild.remove();
  if (atEnd || message.who === who) log.scrollTop = log.scrollHeight;
}

function onPeople(nicks) {
  $("people").replaceChildren(...(nicks || []).map((name) => element("li", name)));
}

// By events and POST

const query = (values) => new URLSearchParams(values).toString();

function byEvents() {
  const remember = (listen) => (data, event) => {
    if (event.lastEventId) lastEventId = event.lastEventId;
    listen(data);
  };
  const stream = live(
    () => `/api/chat/${room}/events?${query(lastEventId ? { nick: nick(), lastEventId } : { nick: nick() })}`,
    { said: remember(onSaid), people: remember(onPeople), reset: remember(clear) },
  );
  return {
    close: stream.close,
    rename: stream.open,
    async send(text) {
      const response = await fetch(`/api/chat/${room}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ nick: nick(), text }),
      });
      if (!response.ok) throw new Error((await response.json()).detail || "That could not be said.");
    },
  };
}

// By WebSocket

function bySocket() {
  let socket = null;
  let retry = 0;
  let waited = 1000;
  let sent = ""; // the last, in case it is refused

  function close() {
    clearTimeout(retry);
    if (socket) {
      socket.onclose = null;
      socket.close(1000);
    }
    socket = null;
  }

  function open() {
    close();
    if (document.hidden) {
      mark("off");
      return;
    }
    mark("wait");
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/chat/${room}/socket?${query({ nick: nick() })}`);
    socket.onopen = () => {
      waited = 1000;
      clear(); // the room's messages come again
      mark("on");
    };
    socket.onmessage = (event) => {
      const frame = JSON.parse(event.data);
      if (frame.said) onSaid(frame.said);
      if (frame.people) onPeople(frame.people);
      if (frame.error) {
        complain(frame.error);
        $("text").value ||= sent;
      }
    };
    socket.onclose = () => {
      mark("lost");
      retry = setTimeout(open, waited + Math.random() * 500);
      waited = Math.min(2 * waited, 15000);
    };
  }

  const onVisible = () => (document.hidden ? (close(), mark("off")) : open());
  document.addEventListener("visibilitychange", onVisible);
  open();
  return {
    close() {
      document.removeEventListener("visibilitychange", onVisible);
      close();
    },
    rename: open,
    async send(text) {
      if (socket?.readyState !== WebSocket.OPEN) throw new Error("Not connected at the moment.");
      sent = text;
      socket.send(JSON.stringify({ nick: nick(), text }));
    },
  };
}

// What goes out

let line = null;

function connect() {
  line?.close();
  line = document.querySelector("[name=via]:checked").value === "socket" ? bySocket() : byEvents();
}

for (const choice of document.querySelectorAll("[name=via]")) choice.addEventListener("change", connect);

$("nick").addEventListener("change", () => {
  try {
    localStorage.setItem("nick", nick());
  } catch { /* as above */ }
  line.rename();
});

say.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("text").value;
  if (!text.trim()) return;
  try {
    await line.send(text);
    complain("");
    $("text").value = "";
  } catch (problem) {
    complain(problem instanceof TypeError ? "The server cannot be reached." : problem.message);
  }
  $("text").focus();
});

connect();
