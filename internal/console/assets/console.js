// How the console's pages stay live. Without this and htmx they are loaded again by hand, or by the browser.
"use strict";

// Nothing of htmx runs text as script, and HTML is made of what this server answered alone.
const refuse = function () { throw new Error("no script is made of text here"); };
const policy = typeof trustedTypes === "undefined" ? null : trustedTypes.createPolicy("swap", { createHTML: (s) => s });
htmx.registerExtension("console", {
  init: (api) => api.initSecurity(policy && { createHTML: (s) => policy.createHTML(s), createScript: refuse }, refuse, refuse),
});
htmx.config.mode = "same-origin";
htmx.config.history = false;
// What could not be read leaves what is there as it is.
htmx.config.noSwap = [204, 304, "3xx", "4xx", "5xx"];

const banner = document.querySelector("[data-offline]");
const lost = banner.querySelector("[data-lost]");
const paused = banner.querySelector("[data-paused]");
const show = (what) => {
  banner.hidden = !what;
  lost.hidden = what !== "lost";
  paused.hidden = what !== "paused";
};

// A page that nobody looks at asks for nothing: it would keep its session alive for ever.
const attention = 15 * 60 * 1000;
let touched = Date.now();
for (const sign of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
  addEventListener(sign, () => { if (Date.now() - touched < attention) touched = Date.now(); }, { passive: true });
}
banner.querySelector("[data-resume]").addEventListener("click", () => { touched = Date.now(); show(null); });

addEventListener("htmx:config:request", (e) => {
  if (document.hidden) return e.preventDefault();
  if (Date.now() - touched >= attention) {
    show("paused");
    e.preventDefault();
  }
});
addEventListener("htmx:after:request", (e) => {
  const answer = e.detail.ctx.response;
  if (answer) show(answer.status >= 500 ? "lost" : null);
});
addEventListener("htmx:error", () => show("lost"));
