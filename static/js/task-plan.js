// The plan as rows: adding and removing steps. Without this script the rows can still be changed and emptied.

const rows = document.getElementById("plan-rows");
const pattern = document.getElementById("plan-row");
const add = document.getElementById("plan-add");
let made = 0;

function equip(row) {
  const remove = row.querySelector("[data-remove-row]");
  remove.hidden = false;
  remove.addEventListener("click", () => {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next?.querySelector("[data-remove-row]") ?? add).focus();
  });
}

add.hidden = false;
add.addEventListener("click", () => {
  made += 1;
  const row = document.importNode(pattern.content, true).firstElementChild;
  for (const field of row.querySelectorAll("[id]")) field.id = field.id.replace("new", `new${made}`);
  for (const label of row.querySelectorAll("[for]")) label.htmlFor = label.htmlFor.replace("new", `new${made}`);
  const numbers = [...rows.querySelectorAll("[name=order]")].map((field) => Number(field.value) || 0);
  row.querySelector("[name=order]").value = String(Math.max(0, ...numbers) + 1);
  equip(row);
  rows.append(row);
  row.querySelector("[name=title]").focus();
});
for (const row of rows.children) equip(row);
