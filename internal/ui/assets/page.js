// What a page can do better with script. Without it, everything still works.
"use strict";

// Points in time, in the reader's own zone.
for (const t of document.querySelectorAll("time.local, time.ago")) {
  const at = new Date(t.dateTime);
  if (isNaN(at)) continue;
  const text = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" }).format(at);
  if (t.classList.contains("local")) t.textContent = text;
  else t.title = text;
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
