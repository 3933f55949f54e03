// The service worker. Before this text the server puts VERSION and SHELL: {files, offline, static, languages}.
//
// Files whose names carry their hash are kept as they come. Of pages only the lists and things below are kept, for one person
// in one team, who is named by the answers themselves; when another person's page comes, or none's, all of them go.

const FILES = `orq-static-${VERSION}`;
const PAGES = "orq-pages-";
const META = "orq-meta";
const MOST_PAGES = 40;
const ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const KEPT = new RegExp(`^/(?:|notifications/|chat/|chat/${ID}/|tasks/|tasks/${ID}/)$`);
const HASHED = /\.[0-9a-f]{12}\.\w+$/;
const DOWN = new Set([502, 503, 504]);

const offlinePage = (language) => `${SHELL.offline}?in=${language}`;

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const files = await caches.open(FILES);
    await files.addAll([...SHELL.files, ...SHELL.languages.map(offlinePage)]);
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith("orq-static-") && name !== FILES) await caches.delete(name);
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return;
  if (request.method === "POST" && url.pathname === "/sign-out/") event.waitUntil(forget());
  if (request.method !== "GET") return;
  if (url.pathname.startsWith(SHELL.static)) event.respondWith(file(request, url));
  else if (request.mode === "navigate") event.respondWith(page(event, url));
});

async function file(request, url) {
  const files = await caches.open(FILES);
  const known = await files.match(request);
  if (known && HASHED.test(url.pathname)) return known;
  try {
    const answer = await fetch(request);
    if (answer.status === 200) await files.put(request, answer.clone());
    return answer;
  } catch (error) {
    if (known) return known;
    throw error;
  }
}

async function page(event, url) {
  try {
    const answer = await fetch(event.request);
    if (!DOWN.has(answer.status)) {
      event.waitUntil(note(url, answer.clone()));
      return answer;
    }
    return (await kept(url)) ?? answer;
  } catch {
    return (await kept(url)) ?? (await caches.match(offlinePage(await told("language", SHELL.languages[0])))) ?? Response.error();
  }
}

// Looks whose page came, and keeps it if it is one that may be kept.
async function note(url, answer) {
  const owner = answer.headers.get("X-Orq-Person");
  if (!owner) {
    if (url.pathname.startsWith("/sign-in/")) await forget();
    return;
  }
  if ((await told("owner", "")) !== owner) {
    await forget();
    await tell("owner", owner);
  }
  if (answer.status !== 200 || answer.redirected || url.search || !KEPT.test(url.pathname)) return;
  if ((answer.headers.get("Cache-Control") ?? "").includes("no-store")) return;
  const text = await answer.text();
  await tell("language", /<html lang="([^"]+)"/.exec(text)?.[1] ?? SHELL.languages[0]);
  const headers = new Headers(answer.headers);
  headers.set("X-Orq-Kept", /data-now="([^"]+)"/.exec(text)?.[1] ?? new Date().toISOString()); // by the server's clock
  const pages = await caches.open(PAGES + owner);
  await pages.delete(url.pathname); // put anew, so that the order of names is the order of reading
  await pages.put(url.pathname, new Response(text, { headers }));
  const names = await pages.keys();
  for (const name of names.slice(0, Math.max(0, names.length - MOST_PAGES))) await pages.delete(name);
}

async function kept(url) {
  const owner = await told("owner", "");
  if (!owner || url.search) return null;
  const answer = await (await caches.open(PAGES + owner)).match(url.pathname);
  if (!answer) return null;
  const text = await answer.text();
  const since = answer.headers.get("X-Orq-Kept");
  return new Response(text.replace("<html ", `<html data-offline-since="${since}" `), { headers: answer.headers });
}

async function forget() {
  for (const name of await caches.keys()) if (name.startsWith(PAGES)) await caches.delete(name);
  await (await caches.open(META)).delete("/owner");
}

async function tell(name, value) {
  await (await caches.open(META)).put(`/${name}`, new Response(value));
}

async function told(name, otherwise) {
  const answer = await (await caches.open(META)).match(`/${name}`);
  return answer ? answer.text() : otherwise;
}
