// The messages on the page: brought up to date from the server, older ones put before them, and the reader's place kept.

import { page, part } from "orq/chat-net";

const scroll = document.querySelector("[data-scroll]");
const newest = document.querySelector("[data-newest]");
const NEAR_PX = 60;
let isFollowing = true;
let reading = null;
let isAskedAgain = false;
const after = [];

export const turnsBox = () => document.querySelector("[data-turns]");
export const turnOf = (id) => document.getElementById(`m-${id}`);
export const afterChange = (done) => after.push(done);

scroll.classList.add("is-live"); // until here the end was shown by CSS alone

// ── The reader's place ──────────────────────────────────────────────────────────────────────────────────────────────
const isAtEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_PX;

export function toEnd() {
  scroll.scrollTop = scroll.scrollHeight;
  isFollowing = true;
  newest.hidden = true;
}

// Only a reader who is at the end is taken along.
export function changing(change) {
  change();
  if (isFollowing) toEnd();
  else newest.hidden = isAtEnd();
}

scroll.addEventListener("scroll", () => {
  isFollowing = isAtEnd();
  newest.hidden = isFollowing;
}, { passive: true });
newest.addEventListener("click", () => {
  toEnd();
  document.querySelector("[data-text]")?.focus();
});
new ResizeObserver(() => isFollowing && toEnd()).observe(scroll);

// ── Older messages: what the reader looks at stays where it is ──────────────────────────────────────────────────────
let held = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.requestConfig?.elt.matches("[data-older]")) held = scroll.scrollHeight - scroll.scrollTop;
});
document.addEventListener("htmx:afterSwap", () => {
  if (held === null) return;
  for (const done of after) done();
  scroll.scrollTop = scroll.scrollHeight - held;
  held = null;
  watchOlder();
});
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting && scroll.scrollTop < NEAR_PX) entry.target.click();
}, { root: scroll });
let isScrolled = false;
function watchOlder() {
  const older = document.querySelector("[data-older]");
  seen.disconnect();
  if (older && isScrolled) seen.observe(older);
}
scroll.addEventListener("wheel", startWatching, { once: true, passive: true });
scroll.addEventListener("touchmove", startWatching, { once: true, passive: true });
function startWatching() {
  isScrolled = true;
  watchOlder();
}

// ── Up to date ──────────────────────────────────────────────────────────────────────────────────────────────────────
// One reading at a time; who asks meanwhile gets another one after it.
export function refresh() {
  if (!page.id) return Promise.resolve();
  if (reading) {
    isAskedAgain = true;
    return reading;
  }
  reading = read().finally(() => {
    reading = null;
  });
  return reading;
}

async function read() {
  do {
    isAskedAgain = false;
    const have = [...turnsBox().querySelectorAll(".turn[data-version]")].slice(-60).map((turn) => `${turn.dataset.key}:${turn.dataset.version}`);
    const at = page.at ? `&at=${page.at}` : "";
    const fresh = await part(`${page.url}${page.id}/turns/?have=${have.join(",")}${at}`);
    if (fresh) changing(() => put(fresh.querySelector("[data-turns]")));
  } while (isAskedAgain);
}

function put(fresh) {
  const box = turnsBox();
  const known = new Map([...box.querySelectorAll(".turn")].map((turn) => [turn.dataset.key, turn]));
  const coming = [...fresh.querySelectorAll(".turn")];
  const isOurs = coming.length && known.has(coming[0].dataset.key);
  if (!isOurs) box.replaceChildren(...[fresh.querySelector(".chat-older")].filter(Boolean).map((older) => document.importNode(older, true)));
  let place = isOurs ? known.get(coming[0].dataset.key).previousElementSibling : box.lastElementChild;
  for (const one of coming) {
    const old = known.get(one.dataset.key);
    const turn = "same" in one.dataset && old ? old : adopted(one, old);
    if (old && old !== turn && old.isConnected) old.replaceWith(turn);
    const next = place ? place.nextElementSibling : box.firstElementChild;
    if (next !== turn) place ? place.after(turn) : box.prepend(turn);
    place = turn;
  }
  while (place && place.nextElementSibling) place.nextElementSibling.remove();
  box.dataset.answering = fresh.dataset.answering;
  globalThis.htmx?.process(box);
  for (const done of after) done();
}

// What the reader has opened stays open, what they write in stays theirs, and the focus does not get lost.
function adopted(fresh, old) {
  if (old?.querySelector("[data-edit-form]")) return old;
  const turn = document.importNode(fresh, true);
  if (old?.querySelector("details[open]")) turn.querySelector("details")?.setAttribute("open", "");
  if (old?.contains(document.activeElement)) {
    turn.tabIndex = -1;
    queueMicrotask(() => turn.focus({ preventScroll: true }));
  }
  return turn;
}
