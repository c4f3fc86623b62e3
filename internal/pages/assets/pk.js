// Passkeys. Browsers offer them to script only; all else on the page works without it.
"use strict";

const able = window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON && PublicKeyCredential.prototype.toJSON;
let waiting; // the call that waits behind the fields of the page

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!able) {
    form.hidden = true;
    for (const note of document.querySelectorAll(".no-passkey")) note.hidden = false;
    continue;
  }
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    prove(form);
  });
  if ("conditional" in form.dataset) offer(form);
}

// offer lets the browser propose passkeys in the field for the address, beside what else it fills in.
async function offer(form) {
  try {
    if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
    const publicKey = await options(form);
    waiting = new AbortController();
    const got = await navigator.credentials.get({ publicKey, mediation: "conditional", signal: waiting.signal });
    if (got) send(form, got);
  } catch {
    // It was only an offer.
  }
}

// prove asks for a passkey, or makes one, and sends what came of it.
async function prove(form) {
  waiting?.abort();
  form.setAttribute("aria-busy", "true");
  try {
    const publicKey = await options(form);
    const got = form.dataset.passkey === "create" ? await navigator.credentials.create({ publicKey }) : await navigator.credentials.get({ publicKey });
    send(form, got);
  } catch (e) {
    form.removeAttribute("aria-busy");
    tell(e.name === "InvalidStateError" ? form.dataset.known : e.name === "NotAllowedError" || e.name === "AbortError" ? form.dataset.cancelled : form.dataset.failed);
  }
}

async function options(form) {
  const answer = await fetch(form.dataset.options, { method: "POST", headers: { Accept: "application/json" } });
  if (!answer.ok || !(answer.headers.get("Content-Type") || "").startsWith("application/json")) {
    if (answer.redirected || answer.status === 410) location.reload(); // it was too long ago: the page knows what comes first
    throw new Error("no options");
  }
  const json = await answer.json();
  const of = json.publicKey || json;
  return form.dataset.passkey === "create" ? PublicKeyCredential.parseCreationOptionsFromJSON(of) : PublicKeyCredential.parseRequestOptionsFromJSON(of);
}

function send(form, got) {
  form.elements.response.value = JSON.stringify(got.toJSON());
  form.submit();
}

function tell(text) {
  const live = document.getElementById("live");
  if (!live || !text) return;
  const p = document.createElement("p");
  p.className = "notice info";
  p.textContent = text;
  live.replaceChildren(p);
}
