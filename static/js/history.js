// Coming back to a page: nothing that is out of date with buttons that do nothing, and no question whether to send a form again.

import { now } from "orq/session";

const CHANGED = "orq_changed"; // when something was last sent from this tab, by the server's clock
const OLD_MS = 5 * 60_000; // others change things too
const text = document.body.dataset;
const drawnAt = Date.parse(text.now ?? "") || now();

const noteChange = () => {
  try {
    sessionStorage.setItem(CHANGED, String(now()));
  } catch { /* this browser keeps nothing: the page is read again when it is old */ }
};
document.addEventListener("submit", ({ target }) => target.method === "post" && noteChange(), true);
document.addEventListener("htmx:beforeRequest", ({ detail }) => detail.requestConfig.verb !== "get" && noteChange());

// A page that answers a form becomes one that was asked for, so that a reload and the way back ask for it again and send nothing.
if (text.posted !== undefined) history.replaceState(history.state, "", text.posted || location.href);

const isTouched = (field) => {
  if (field.type === "hidden" || field.type === "search" || field.matches("[data-tick], [data-tick-all], [data-tick-beyond]")) return false;
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.type === "select-one") return field.selectedIndex !== Math.max(0, [...field.options].findIndex((one) => one.defaultSelected));
  return "defaultValue" in field && field.value !== field.defaultValue;
};
const hasWords = () => [...document.querySelectorAll("main form[method=post], #composer")].some((form) => [...(form.elements ?? [])].some(isTouched));

function isOutOfDate() {
  let changed = 0;
  try {
    changed = Number(sessionStorage.getItem(CHANGED) ?? 0);
  } catch { /* as above */ }
  return changed > drawnAt || now() - drawnAt > OLD_MS;
}

addEventListener("pageshow", (event) => {
  const [arrival] = performance.getEntriesByType("navigation");
  const isBack = event.persisted || arrival?.type === "back_forward";
  if (!isBack || document.documentElement.dataset.offlineSince !== undefined) return;
  for (const button of document.querySelectorAll(".is-busy")) button.classList.remove("is-busy");
  for (const open of document.querySelectorAll("dialog[open]")) open.close();
  if (!isOutOfDate()) return;
  if (hasWords()) return void document.dispatchEvent(new CustomEvent("orq:read-again", { detail: {} })); // what was typed stays
  location.reload();
});
