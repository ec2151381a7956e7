// Keeps a page live: hears of each step, asks for the page anew, at most twice a second, and replaces the parts that have changed.
"use strict";

const EVERY_MS = 500;
const link = document.getElementById("link");
const now = document.getElementById("now");
let asked = false;
let busy = false;
let last = 0;

const clockText = new Intl.DateTimeFormat("en-GB", {
  timeZone: now.dataset.zone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
});

function say(text, state) {
  if (link.textContent !== text) link.textContent = text;
  link.className = state;
}

function replace(old, fresh) {
  const focus = document.activeElement;
  const held = old.contains(focus) ? [...old.querySelectorAll("a, summary, [tabindex]")].indexOf(focus) : -1;
  const open = new Set([...old.querySelectorAll("details[open]")].map((each) => each.id));
  const places = [...old.querySelectorAll(".scroll, .phases")].map((each) => [each.scrollLeft, each.scrollTop]);
  for (const details of fresh.querySelectorAll("details")) details.open = open.has(details.id);
  old.replaceWith(fresh);
  fresh.querySelectorAll(".scroll, .phases").forEach((each, at) => {
    if (places[at]) [each.scrollLeft, each.scrollTop] = places[at];
  });
  if (held >= 0) fresh.querySelectorAll("a, summary, [tabindex]")[held]?.focus({ preventScroll: true });
}

async function renew() {
  if (busy || document.hidden || !asked) return;
  busy = true;
  asked = false;
  last = performance.now();
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const ids = (page) => [...page.querySelectorAll("[data-live]")].map((part) => part.id).join();
      if (ids(fresh) !== ids(document)) return location.reload();
      for (const part of fresh.querySelectorAll("[data-live]")) {
        const old = document.getElementById(part.id);
        if (old.dataset.was !== part.outerHTML) {
          const text = part.outerHTML;
          replace(old, part);
          part.dataset.was = text;
        }
      }
    } else if (answer.status === 401) location.reload();
  } catch {
    asked = true; // the stream says that the service is away, and asks again when it is back
  } finally {
    busy = false;
  }
}

function ask() {
  asked = true;
  setTimeout(renew, Math.max(0, EVERY_MS - (performance.now() - last)));
}

if (document.querySelector("[data-live]")) {
  for (const part of document.querySelectorAll("[data-live]")) part.dataset.was = part.outerHTML;
  const phases = document.querySelector(".phases [aria-current]");
  if (phases) phases.parentElement.scrollLeft = phases.offsetLeft - phases.parentElement.clientWidth / 2;
  const stream = new EventSource(`${document.documentElement.dataset.base}/api/v1/events`);
  stream.addEventListener("open", () => { say("live", "on"); ask(); });
  stream.addEventListener("error", () => say("connection lost, trying again", "off"));
  stream.addEventListener("step", ask);
  stream.addEventListener("reset", ask);
  stream.addEventListener("clock", (event) => {
    const at = new Date(JSON.parse(event.data).now);
    now.textContent = clockText.format(at);
    now.dateTime = at.toISOString();
  });
  document.addEventListener("visibilitychange", ask);
  addEventListener("pagehide", () => stream.close());
}
