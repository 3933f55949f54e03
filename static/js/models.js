// Pages of models: how far loads are, at once from the message; all else is read again a moment after something changed.

import { now } from "orq/session";

const WAIT_MS = 700;
let timer = 0;

document.addEventListener("orq:model", ({ detail }) => {
  if (detail.event === "state") showProgress(detail.model);
  soon();
});
document.addEventListener("orq:read-again", soon);

function soon() {
  timer ||= setTimeout(readAgain, WAIT_MS);
}

function showProgress(model) {
  const place = document.getElementById(`managed-${model.id}`) ?? document.getElementById("management");
  if (!model.load || model.load.progress === null || !place) return;
  const percent = Math.round(100 * model.load.progress);
  const bar = place.querySelector("[data-load] progress");
  if (bar) bar.value = percent;
  const words = place.querySelector("[data-load-percent]");
  if (words) words.textContent = `${percent} %`;
}

// Rows and parts that are shown are brought up to date; what the reader has the focus in, has opened or ticked stays as it is.
async function readAgain() {
  timer = 0;
  const answer = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("#models tbody tr, [data-live-part]")) {
    const next = part.id && fresh.getElementById(part.id);
    if (!next || !part.isConnected || next.outerHTML === part.dataset.seen) continue;
    if (part.contains(document.activeElement) || part.querySelector("details[open], [data-tick]:checked")) continue;
    const imported = document.importNode(next, true);
    imported.dataset.seen = next.outerHTML;
    part.replaceWith(imported);
    globalThis.htmx?.process(imported);
  }
  tick();
}

function tick() {
  for (const element of document.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.round((now() - Date.parse(element.dataset.since)) / 1000));
    element.textContent = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  }
}
tick();
setInterval(tick, 1000);
