// The list and the dashboard: ticking rows, and reading the parts again when a task of the team changed.

import { keepFresh } from "orq/task-parts";

const overview = document.getElementById("overview");
if (overview) {
  const parts = keepFresh(overview);
  document.addEventListener("orq:team", () => parts.soon());
  document.addEventListener("orq:read-again", () => parts.soon());
}

// In the list the rows that are shown are brought up to date; new ones wait for the next look, so that nothing jumps.
const list = document.getElementById("tasks");
let timer = 0;
async function readAgain() {
  timer = 0;
  const answer = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const row of list.querySelectorAll("tbody tr")) {
    const next = fresh.getElementById(row.id);
    if (!next || row.contains(document.activeElement)) continue;
    const tick = row.querySelector("[name=task]");
    const nextTick = next.querySelector("[name=task]");
    if (tick?.checked && nextTick) nextTick.checked = true;
    row.replaceWith(document.importNode(next, true));
  }
}
if (list) {
  const soon = () => (timer ||= setTimeout(readAgain, 1000));
  document.addEventListener("orq:team", soon);
  document.addEventListener("orq:read-again", soon);
}

// ── Ticks ───────────────────────────────────────────────────────────────────────────────────────────────────────────
const bulk = document.querySelector("[data-bulk]");
function count() {
  const ticked = document.querySelectorAll("[name=task]:checked").length;
  bulk.querySelector("[data-ticked]").textContent = String(ticked);
  bulk.classList.toggle("is-idle", ticked === 0);
}
if (bulk) {
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-tick-all]")) {
      for (const box of document.querySelectorAll("[name=task]")) box.checked = event.target.checked;
    }
    const beyond = document.querySelector("[data-tick-beyond]");
    if (beyond && event.target.name === "task" && !event.target.checked) beyond.checked = false;
    count();
  });
  count();
}

// A choice narrows the list at once; without scripts the button does.
document.addEventListener("change", (event) => event.target.matches("[data-submit]") && event.target.form.requestSubmit());
