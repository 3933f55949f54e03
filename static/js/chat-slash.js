// Templates: "/" at the beginning opens the list; one with variables asks for them, then its text stands in the composer.

import { ask, page, Problem } from "orq/chat-net";

const form = document.querySelector("[data-composer]");
const text = form.querySelector("[data-text]");
const list = form.querySelector("[data-slash]");
const SOON_MS = 150;
let found = [];
let at = 0;
let timer = 0;
let last = null;

export const isChoosing = () => !list.hidden && found.length > 0;
const wanted = () => /^\/([^\s/]*)$/.exec(text.value)?.[1] ?? null;

function close() {
  list.hidden = true;
  found = [];
  last = null;
  text.removeAttribute("aria-activedescendant");
}

async function look() {
  const words = wanted();
  if (words === null) return close();
  if (words === last) return;
  last = words;
  const answer = await ask("GET", `${page.api}templates/?search=${encodeURIComponent(words)}&limit=20`).catch(() => null);
  if (!answer || wanted() !== words) return;
  found = answer.results;
  at = 0;
  draw();
}

function draw() {
  list.hidden = false;
  if (!found.length) {
    list.replaceChildren(Object.assign(document.createElement("p"), { className: "chat-none", textContent: page.textNoTemplate }));
    return;
  }
  list.replaceChildren(...found.map((one, index) => {
    const row = document.createElement("div");
    row.id = `slash-${index}`;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(index === at));
    const name = Object.assign(document.createElement("span"), { className: "strong nowrap", textContent: `/${one.slug}` });
    const about = Object.assign(document.createElement("span"), { className: "faint clip", textContent: one.title || one.name });
    row.append(name, about);
    return row;
  }));
  text.setAttribute("aria-activedescendant", `slash-${at}`);
  list.children[at].scrollIntoView({ block: "nearest" });
}

async function choose(index) {
  const template = found[index];
  close();
  if (!template) return;
  if (template.variables.length) askFor(template);
  else await insert(template, {});
}

async function insert(template, values) {
  const { text: words } = await ask("POST", `${page.api}templates/${template.id}/render/`, { json: { values } });
  text.value = words;
  text.dispatchEvent(new Event("input", { bubbles: true }));
  text.focus();
}

// ── Variables ───────────────────────────────────────────────────────────────────────────────────────────────────────
const dialog = document.getElementById("slash-dialog");
let asked = null;

function askFor(template) {
  asked = template;
  dialog.querySelector("[data-slash-title]").textContent = template.title || template.name;
  dialog.querySelector("[data-slash-problem]").hidden = true;
  dialog.querySelector("[data-slash-fields]").replaceChildren(...template.variables.map(field));
  dialog.showModal();
  dialog.querySelector("input, textarea, select")?.focus();
}

function field(variable, index) {
  const row = Object.assign(document.createElement("div"), { className: "field" });
  const label = Object.assign(document.createElement("label"), { htmlFor: `slash-value-${index}`, textContent: variable.label || variable.name });
  const input = document.createElement({ long: "textarea", choice: "select" }[variable.kind] ?? "input");
  if (variable.kind === "number") Object.assign(input, { type: "number", step: "any" });
  if (variable.kind === "choice") input.append(...variable.choices.map((choice) => new Option(choice, choice)));
  Object.assign(input, { id: label.htmlFor, name: variable.name, required: variable.required, value: variable.default ?? "" });
  row.append(label, input);
  return row;
}

dialog.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const inputs = [...dialog.querySelectorAll("[data-slash-fields] [name]")];
  const values = Object.fromEntries(inputs.filter((input) => input.value !== "").map((input) => [input.name, input.type === "number" ? Number(input.value) : input.value]));
  try {
    await insert(asked, values);
    dialog.close();
    text.focus();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const line = dialog.querySelector("[data-slash-problem]");
    line.textContent = problem.message;
    line.hidden = false;
  }
});

text.setAttribute("aria-controls", "slash-list");
text.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(look, wanted() === null ? 0 : SOON_MS);
});
text.addEventListener("keydown", (event) => {
  if (list.hidden) return;
  if (event.key === "Escape") close();
  else if (!found.length) return;
  else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    at = (at + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length;
    draw();
  } else if (event.key === "Enter" || event.key === "Tab") choose(at);
  else return;
  event.preventDefault();
  event.stopImmediatePropagation();
});
list.addEventListener("mousedown", (event) => {
  const row = event.target.closest("[role=option]");
  if (!row) return;
  event.preventDefault();
  choose([...list.children].indexOf(row));
});
text.addEventListener("blur", () => setTimeout(() => document.activeElement === text || close(), 100));
