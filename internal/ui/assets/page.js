// What a page can do better with script. Without it, everything still works.
"use strict";

// Points in time, in the reader's own zone and in the form that the server writes. What the server wrote stays, unseen, and
// keeps its place: it is the longer of the two, so nothing moves. The console speaks of UTC, as trails do.
const tongue = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
const clock = new Intl.DateTimeFormat(tongue, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
for (const t of document.querySelectorAll("body:not(.wide) time.local, time.ago")) {
  const at = new Date(t.dateTime);
  if (isNaN(at)) continue;
  const text = clock.format(at);
  if (t.classList.contains("ago")) {
    t.title = text;
    continue;
  }
  const place = document.createElement("span"), shown = document.createElement("span");
  place.className = "utc";
  place.append(...t.childNodes);
  shown.textContent = text;
  t.append(place, shown);
}

// What went wrong is read out, and found, first.
const summary = document.querySelector(".summary");
if (summary) summary.focus();

// Passwords can be looked at while they are typed.
for (const button of document.querySelectorAll("button[data-reveal]")) {
  const input = document.getElementById(button.dataset.reveal);
  if (!input) continue;
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!shown));
  });
  // A password manager must see a password, and no form history may keep it.
  if (input.form) input.form.addEventListener("submit", () => { input.type = "password"; });
}

// What is shown once can be copied and printed.
for (const button of document.querySelectorAll("button[data-copy]")) {
  const from = document.getElementById(button.dataset.copy);
  if (!from || !navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(from.innerText);
      say(button.dataset.done);
    } catch {
      getSelection().selectAllChildren(from);
    }
  });
}
for (const button of document.querySelectorAll("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// A form is sent once, however often its button is pressed.
for (const form of document.querySelectorAll("form[method=post]:not([data-passkey])")) {
  let sent = false;
  form.addEventListener("submit", (e) => {
    if (sent) e.preventDefault();
    sent = true;
    form.setAttribute("aria-busy", "true");
  });
  addEventListener("pageshow", () => { sent = false; form.removeAttribute("aria-busy"); });
}

// say tells a message to everyone, screen readers too.
function say(text) {
  const live = document.getElementById("live");
  if (!live || !text) return;
  const p = document.createElement("p");
  p.className = "notice success";
  p.textContent = text;
  live.replaceChildren(p);
}
