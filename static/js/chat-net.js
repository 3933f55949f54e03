// Requests of the chat page. What goes wrong comes as a Problem that says what happened; status 0 is no connection at all.

export const page = document.getElementById("chat").dataset;

export class Problem extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
  get isAway() {
    return this.status === 0 || this.status >= 500 || this.status === 429 || this.code === "still_at_work";
  }
  get isSignedOut() {
    return this.code === "signed_out";
  }
}

const SIGNED_OUT = new Set([401, 403]);
const cookie = () => /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1];
const token = () => cookie() ?? JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];

// `json` or `form` is the body; `key` makes a repeated request do its work once.
export async function ask(method, url, { json, form, key } = {}) {
  const headers = { Accept: "application/json", "X-CSRFToken": token(), "X-Orq-Person": page.person };
  if (json) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  const answer = await fetch(url, { method, headers, body: json ? JSON.stringify(json) : form, credentials: "same-origin" }).catch(() => null);
  if (!answer) throw new Problem(0, "offline", page.textOffline);
  if (answer.ok && !isSignIn(answer)) return answer.status === 204 ? null : answer.json();
  const said = await answer.json().catch(() => ({}));
  if (isSignIn(answer) || said.code === "other_person" || (SIGNED_OUT.has(answer.status) && (await isSignedOut()))) throw new Problem(401, "signed_out", page.textSignedOut);
  throw new Problem(answer.status, said.code, said.errors?.[0]?.message || said.detail || page.textProblem);
}

// A part of the page as the server draws it.
export async function part(url) {
  const answer = await fetch(url, { credentials: "same-origin" }).catch(() => null);
  if (answer?.status === 404) document.dispatchEvent(new CustomEvent("orq:chat-gone"));
  if (!answer?.ok || isSignIn(answer)) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

const isSignIn = (answer) => answer.redirected && new URL(answer.url).pathname.startsWith("/sign-in");

// A refusal may be about the deed or about the person: only the server knows.
async function isSignedOut() {
  const answer = await fetch(page.url, { method: "HEAD", credentials: "same-origin" }).catch(() => null);
  return Boolean(answer && isSignIn(answer));
}

// Unlike crypto.randomUUID it also works where the page came without TLS.
export const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false; // the browser keeps nothing, or is full
  }
}

export function recall(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}
