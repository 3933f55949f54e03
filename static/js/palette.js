// The command palette: a dialog with a combobox over a listbox. The server says what there is for this person.

const dialog = document.getElementById("palette");
const input = document.getElementById("palette-input");
const list = document.getElementById("palette-list");
const said = document.getElementById("palette-said");
const WAIT_MS = 60;

let timer = 0;
let asking = null; // the request under way
let shown = null; // the query whose results are shown
let goes = false; // Enter was pressed before they came

export function open() {
  if (!dialog.open) dialog.showModal();
  input.select();
  input.focus();
  ask();
}

async function ask() {
  clearTimeout(timer);
  asking?.abort();
  asking = new AbortController();
  const query = input.value.trim();
  try {
    const answer = await fetch(`${dialog.dataset.url}?q=${encodeURIComponent(query)}`, { signal: asking.signal, headers: { Accept: "application/json" } });
    if (answer.status === 401 || answer.status === 403) return leave(() => document.dispatchEvent(new CustomEvent("orq:signed-out")));
    if (!answer.ok) throw new Error(String(answer.status));
    draw(await answer.json());
    shown = query;
    if (goes) choose(current());
  } catch (error) {
    if (error.name !== "AbortError") say(dialog.dataset.textOffline, true);
  }
}

function leave(then) {
  dialog.close();
  then();
}

function draw({ results }) {
  list.replaceChildren();
  let group = null;
  results.forEach((found, index) => {
    if (group?.dataset.kind !== found.kind) group = heading(found.kind);
    group.append(line(found, index));
  });
  if (results.length) {
    mark(list.querySelector("[role=option]"));
    said.textContent = `${results.length} ${dialog.dataset.textCount}`;
  } else say(dialog.dataset.textNone, true);
}

function heading(kind) {
  const group = document.createElement("div");
  group.setAttribute("role", "group");
  group.dataset.kind = kind;
  const name = document.createElement("div");
  name.className = "palette-kind";
  name.id = `palette-kind-${kind}`;
  name.setAttribute("role", "presentation");
  name.textContent = dialog.dataset[`kind${kind[0].toUpperCase()}${kind.slice(1)}`] ?? kind;
  group.setAttribute("aria-labelledby", name.id);
  group.append(name);
  list.append(group);
  return group;
}

function line(found, index) {
  const sends = Object.keys(found.post).length > 0;
  const option = document.createElement(sends ? "button" : "a");
  if (sends) {
    option.type = "button";
    option.addEventListener("click", () => send(found));
  } else option.href = found.url;
  option.id = `palette-${index}`;
  option.className = "palette-option";
  option.setAttribute("role", "option");
  option.setAttribute("aria-selected", "false");
  option.tabIndex = -1;
  const title = document.createElement("span");
  title.className = "clip";
  title.textContent = found.title;
  const hint = document.createElement("span");
  hint.className = "faint tiny";
  hint.textContent = found.hint;
  option.append(title, hint);
  return option;
}

const current = () => list.querySelector("[aria-selected=true]");

function mark(option) {
  current()?.setAttribute("aria-selected", "false");
  option.setAttribute("aria-selected", "true");
  input.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

function say(words, isShown) {
  input.removeAttribute("aria-activedescendant");
  said.textContent = words;
  if (!isShown) return;
  const line_ = document.createElement("p");
  line_.className = "palette-none muted";
  line_.textContent = words;
  list.replaceChildren(line_);
}

function choose(option, apart = false) {
  goes = false;
  if (!option) return;
  if (apart && option.href) window.open(option.href, "_blank", "noopener");
  else option.click();
}

function send({ url, post }) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = url;
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const here = `${location.pathname}${location.search}${location.hash}`;
  for (const [name, value] of Object.entries({ csrfmiddlewaretoken: token, next: here, ...post })) {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = name;
    field.value = value;
    form.append(field);
  }
  document.body.append(form);
  form.requestSubmit();
}

input.addEventListener("input", () => {
  goes = false;
  clearTimeout(timer);
  timer = setTimeout(ask, WAIT_MS);
});

input.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  const options = [...list.querySelectorAll("[role=option]")];
  const at = options.indexOf(current());
  const next = { ArrowDown: (at + 1) % options.length, ArrowUp: (at - 1 + options.length) % options.length, PageDown: Math.min(at + 8, options.length - 1), PageUp: Math.max(at - 8, 0) }[event.key];
  if (next !== undefined) {
    event.preventDefault();
    if (options.length) mark(options[next]);
  } else if (event.key === "Enter") {
    event.preventDefault();
    if (shown === input.value.trim()) choose(current(), event.ctrlKey || event.metaKey);
    else goes = true;
  }
});

// The pointer marks what it is over; a press leads there by itself.
list.addEventListener("pointermove", (event) => {
  const option = event.target.closest("[role=option]");
  if (option && option !== current()) mark(option);
});
dialog.addEventListener("close", () => {
  clearTimeout(timer);
  asking?.abort();
  goes = false;
});
