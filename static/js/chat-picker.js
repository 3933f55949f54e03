// Who answers: auto by one of its strategies, a model, or a specialized AI; for the whole conversation, or for one answer that is asked anew.

import { send } from "orq/live";
import { ask, page, part } from "orq/chat-net";

const dialog = document.querySelector("[data-picker]");
const list = dialog.querySelector("[data-picker-list]");
const search = dialog.querySelector("[data-picker-search]");
const system = dialog.querySelector("[data-system]");
const title = dialog.querySelector("[data-picker-title]");
const name = document.querySelector("[data-model-name]");
const SOON_MS = 250;
let forOne = null; // what to do with the model of one answer
let timer = 0;

// What a new conversation begins with.
export function chosen() {
  const begin = {};
  if (dialog.dataset.model) begin.model = dialog.dataset.model;
  if (dialog.dataset.strategy !== "auto") begin.strategy = dialog.dataset.strategy;
  if (dialog.dataset.specialized) begin.specialized_ai = dialog.dataset.specialized;
  if (system.value.trim()) begin.system_prompt = system.value;
  return begin;
}

export function pickForOne(then) {
  forOne = then;
  open();
}

function open() {
  title.textContent = forOne ? dialog.dataset.textForOne : dialog.dataset.textForAll;
  dialog.querySelector("[data-picker-system]").hidden = Boolean(forOne);
  search.value = "";
  dialog.showModal();
  send("models:subscribe", {});
  load();
}

async function load() {
  const fresh = await part(`${dialog.dataset.url}?q=${encodeURIComponent(search.value.trim())}${forOne ? "&only=models" : ""}`);
  if (!fresh) return;
  list.replaceChildren(...[...fresh.body.children].map((one) => document.importNode(one, true)));
  mark();
}

function mark() {
  for (const row of list.querySelectorAll(".picker-row")) {
    const isOn = row.dataset.pickSpecialized ? row.dataset.pickSpecialized === dialog.dataset.specialized
      : !dialog.dataset.specialized && row.dataset.pick === (dialog.dataset.model || "auto")
        && (row.dataset.pick !== "auto" || row.dataset.strategy === dialog.dataset.strategy);
    row.setAttribute("aria-pressed", String(isOn && !forOne));
  }
}

async function pick(row) {
  const model = row.dataset.pick ?? "";
  if (forOne) {
    const then = forOne;
    dialog.close();
    then(model);
    return;
  }
  dialog.dataset.model = model === "auto" ? "" : model;
  dialog.dataset.strategy = row.dataset.strategy ?? "auto";
  dialog.dataset.specialized = row.dataset.pickSpecialized ?? "";
  name.textContent = row.dataset.name;
  dialog.close();
  await save({ model: model || "auto", strategy: dialog.dataset.strategy, specialized_ai: row.dataset.pickSpecialized ?? null });
}

async function save(facts) {
  if (!page.id) return;
  await ask("PATCH", `${page.api}conversations/${page.id}/`, { json: facts }).catch(say);
}
const say = (problem) => document.dispatchEvent(new CustomEvent("orq:toast", { detail: { message: problem.message, tone: "bad" } }));

dialog.addEventListener("click", (event) => {
  const row = event.target.closest(".picker-row");
  if (row) pick(row);
});
dialog.addEventListener("close", () => {
  forOne = null;
  document.querySelector("[data-text]")?.focus();
});
system.addEventListener("change", () => save({ system_prompt: system.value }));
search.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(load, SOON_MS);
});
search.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") list.querySelector(".picker-row")?.focus();
});
list.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const rows = [...list.querySelectorAll(".picker-row")];
  (rows[rows.indexOf(event.target.closest(".picker-row")) + step] ?? search).focus();
  event.preventDefault();
});
document.querySelector("[data-picker-open]")?.addEventListener("click", () => {
  forOne = null;
  open();
});

// The states of models change while one chooses.
document.addEventListener("orq:model", () => {
  if (!dialog.open) return;
  clearTimeout(timer);
  timer = setTimeout(load, SOON_MS);
});
