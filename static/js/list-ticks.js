// Ticked rows of a list: how many there are, and nothing to press while there is none.

const form = document.querySelector("[data-ticks]");
const boxes = () => [...document.querySelectorAll("[data-tick]")];

function count() {
  const ticked = boxes().filter((box) => box.checked).length;
  const beyond = form.querySelector("[data-tick-beyond]")?.checked ?? false;
  form.querySelector("[data-ticked]").textContent = String(ticked);
  for (const button of form.querySelectorAll("[data-deed]")) button.disabled = ticked === 0 && !beyond;
  const all = form.querySelector("[data-tick-all]");
  all.checked = ticked > 0 && ticked === boxes().length;
  all.indeterminate = ticked > 0 && !all.checked;
}

if (form) {
  document.addEventListener("change", (event) => {
    const beyond = form.querySelector("[data-tick-beyond]");
    if (event.target.matches("[data-tick-all]")) for (const box of boxes()) box.checked = event.target.checked;
    if (event.target === beyond && beyond.checked) for (const box of boxes()) box.checked = true;
    if (beyond && event.target.matches("[data-tick], [data-tick-all]") && !event.target.checked) beyond.checked = false;
    count();
  });
  window.addEventListener("pageshow", count);
  count();
}
