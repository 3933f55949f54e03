// A template's places: filled in as they are typed, and followed as its text is written. Plain text for plain places.

const PLACE = /\{\{\s*([A-Za-z][A-Za-z0-9_]{0,39})\s*\}\}/g;
const filled = document.querySelector("[data-filled]");

// Shows `body` with its places as `values` says; what is not filled in yet stays as it is, marked.
function show(body, values) {
  filled.replaceChildren();
  let end = 0;
  for (const match of body.matchAll(PLACE)) {
    filled.append(body.slice(end, match.index));
    const value = values.get(match[1]);
    if (value) filled.append(value);
    else filled.append(Object.assign(document.createElement("mark"), { textContent: match[0] }));
    end = match.index + match[0].length;
  }
  filled.append(body.slice(end));
}

// ── One template: the form on its page ──────────────────────────────────────────────────────────────────────────────
const fill = document.querySelector("[data-fill]");
if (fill) {
  const body = document.querySelector("template[data-template]").content.textContent;
  const refresh = () => show(body, new FormData(fill));
  fill.addEventListener("input", refresh);
  fill.addEventListener("submit", (event) => event.preventDefault());
  fill.querySelector(".template-server").hidden = true;
  refresh();
}

// ── The editor: a row for each place of the text ────────────────────────────────────────────────────────────────────
const edit = document.querySelector("[data-edit]");
if (edit) {
  const body = edit.querySelector("[data-body]");
  const table = edit.querySelector("[data-places]");
  const blank = document.querySelector("template[data-variable-row]");
  const rows = new Map([...table.tBodies[0].rows].map((row) => [nameOf(row), row]));

  const refresh = () => {
    const names = [...new Set([...body.value.matchAll(PLACE)].map((match) => match[1]))];
    for (const name of names) if (!rows.has(name)) rows.set(name, made(blank, name));
    const wanted = names.map((name) => rows.get(name));
    const isAnother = wanted.length !== table.tBodies[0].rows.length || wanted.some((row, place) => row !== table.tBodies[0].rows[place]);
    if (isAnother) table.tBodies[0].replaceChildren(...wanted); // else whoever types in a row would lose their place
    table.hidden = !names.length;
    edit.querySelector("[data-no-places]").hidden = Boolean(names.length);
    edit.querySelector("[data-preview]").hidden = !names.length;
    show(body.value, new Map(names.map((name) => [name, field(rows.get(name), "default").value])));
  };
  for (const row of rows.values()) follow(row);
  edit.addEventListener("input", refresh);
  refresh();
}

function made(blank, name) {
  const row = blank.content.firstElementChild.cloneNode(true);
  row.querySelector("[data-variable-shown]").textContent = `{{${name}}}`;
  field(row, "name").value = name;
  follow(row);
  return row;
}

// Choices are asked for only where there are any.
function follow(row) {
  const kind = field(row, "kind");
  const refresh = () => { field(row, "choices").hidden = kind.value !== "choice"; };
  kind.addEventListener("change", refresh);
  refresh();
}

function field(row, name) {
  return row.querySelector(`[name=variable_${name}]`);
}

function nameOf(row) {
  return field(row, "name").value;
}
