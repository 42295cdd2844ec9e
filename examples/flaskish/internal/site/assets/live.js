// One stream of events for a page. It is closed while the tab is hidden, because a
// browser opens six connections to a server and no more, and opened again when the
// tab is looked at. The mark in the header says how it is.

const element = document.getElementById("live");
const texts = {
  on: "Live",
  wait: "Connecting",
  lost: "Reconnecting",
  off: "Paused",
  gone: "Disconnected",
};

// mark shows how the connection of the page is.
export function mark(state) {
  element.hidden = false;
  if (element.dataset.state === state) return;
  element.dataset.state = state;
  element.textContent = texts[state];
}

// live listens to url(), with a function for each type of event. The returned
// object has open, which connects anew, to an address that may have changed, and
// close, which ends it for good.
export function live(url, listeners) {
  let source = null;
  let retry = 0;

  function hangUp() {
    clearTimeout(retry);
    source?.close();
    source = null;
  }

  function open() {
    hangUp();
    if (document.hidden) {
      mark("off");
      return;
    }
    mark("wait");
    source = new EventSource(url());
    source.onopen = () => mark("on");
    source.onerror = () => {
      // The browser reconnects by itself, unless the answer was an error.
      if (source && source.readyState === EventSource.CLOSED) {
        mark("gone");
        retry = setTimeout(open, 5000);
      } else {
        mark("lost");
      }
    };
    for (const [type, listen] of Object.entries(listeners)) {
      source.addEventListener(type, (event) => listen(event.data === "" ? null : JSON.parse(event.data), event));
    }
  }

  function onVisible() {
    if (document.hidden) hangUp();
    if (document.hidden) mark("off");
    else open();
  }

  function onReturn(event) { // to a page that the browser kept
    if (event.persisted) open();
  }

  document.addEventListener("visibilitychange", onVisible);
  addEventListener("pagehide", hangUp);
  addEventListener("pageshow", onReturn);
  open();
  return {
    open,
    close() {
      hangUp();
      document.removeEventListener("visibilitychange", onVisible);
      removeEventListener("pagehide", hangUp);
      removeEventListener("pageshow", onReturn);
    },
  };
}
