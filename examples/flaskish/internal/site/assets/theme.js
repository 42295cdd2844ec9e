// The button that chooses between light, dark and what the system says. The choice
// is a cookie, so that the server sends the next page in it.

const order = ["auto", "light", "dark"];
const names = { auto: "Auto", light: "Light", dark: "Dark" };
const button = document.getElementById("theme");

function current() {
  return document.documentElement.dataset.theme || "auto";
}

function show() {
  button.textContent = names[current()];
  button.setAttribute("aria-label", `Colour theme: ${names[current()]}. Change`);
}

button.addEventListener("click", () => {
  const next = order[(order.indexOf(current()) + 1) % order.length];
  if (next === "auto") {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = next;
  }
  const age = next === "auto" ? 0 : 31536000;
  document.cookie = `theme=${next}; path=/; max-age=${age}; samesite=lax`;
  show();
  document.dispatchEvent(new Event("themechange"));
});

show();
button.hidden = false;
