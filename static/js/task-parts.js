// Reads the live parts of a page again and puts in what has changed, leaving open what the reader has opened.
// A part is an element with an id and data-part; the address in data-parts-url answers with all of them.

const SOON_MS = 250;
const AT_MOST_EVERY_MS = 700;

export function keepFresh(root, { after = () => {} } = {}) {
  const known = new Map();
  let timer = 0;
  let isReading = false;
  let isAskedAgain = false;
  let lastRead = 0;

  for (const part of root.querySelectorAll("[data-part]")) known.set(part.id, part.outerHTML);

  async function read() {
    timer = 0;
    if (isReading) {
      isAskedAgain = true;
      return;
    }
    isReading = true;
    try {
      const answer = await fetch(root.dataset.partsUrl, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
      if (answer.status === 401) document.dispatchEvent(new CustomEvent("orq:signed-out"));
      else if (answer.ok) swap(await answer.text());
      else if (answer.status === 404) location.reload();
    } catch { /* the server does not answer; the socket says so and asks for this again when it is back */ }
    isReading = false;
    lastRead = performance.now();
    if (isAskedAgain) {
      isAskedAgain = false;
      soon();
    }
  }

  function swap(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    for (const part of fresh.querySelectorAll("[data-part]")) {
      const old = document.getElementById(part.id);
      if (known.get(part.id) === part.outerHTML) continue;
      if (old && isBusy(old)) continue;
      known.set(part.id, part.outerHTML);
      if (old) put(old, part);
      else root.prepend(document.importNode(part, true));
    }
    after();
  }

  // A part in which somebody types waits until they have left it.
  function isBusy(part) {
    const active = document.activeElement;
    return part.contains(active) && active.matches("input, select, textarea");
  }

  function put(old, part) {
    const next = document.importNode(part, true);
    for (const was of old.querySelectorAll("details[id]")) {
      const now = next.querySelector(`#${CSS.escape(was.id)}`);
      if (now && (was.open || was.dataset.closed)) now.open = was.open;
    }
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const way = focused && wayTo(focused, old);
    const scrolls = [...old.querySelectorAll(".graph-scroll, .log")].map((element) => element.scrollLeft || element.scrollTop);
    old.replaceWith(next);
    [...next.querySelectorAll(".graph-scroll, .log")].forEach((element, index) => {
      if (scrolls[index]) element[element.matches(".log") ? "scrollTop" : "scrollLeft"] = scrolls[index];
    });
    window.htmx?.process(next);
    if (way) next.querySelectorAll("a, button, summary, input")[way.index]?.focus({ preventScroll: true });
  }

  function wayTo(element, root_) {
    const index = [...root_.querySelectorAll("a, button, summary, input")].indexOf(element);
    return index < 0 ? null : { index };
  }

  function soon() {
    if (timer) return;
    timer = setTimeout(read, Math.max(SOON_MS, AT_MOST_EVERY_MS - (performance.now() - lastRead)));
  }

  // What the reader closed stays closed, also where the server would open it.
  root.addEventListener("toggle", (event) => {
    if (event.target.matches("details[id]")) event.target.dataset.closed = event.target.open ? "" : "1";
  }, true);

  return { soon };
}
