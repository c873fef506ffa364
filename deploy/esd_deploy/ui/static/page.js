// Keeps an open page up to date. All text goes in as text, all markup comes from this server; without this script the pages work by reloading.
"use strict";

const main = document.getElementById("main");
const MOST_TEXT = 256 * 1024;
let source = null;
let address = main.dataset.events;
let mark = "";
let lost = false;

const say = (text) => { if (text) document.getElementById("said").textContent = text; };

// What has the focus keeps it, and so do opened details and what was typed in a filter.
function replace(part, fresh) {
  const active = document.activeElement;
  const inside = part.contains(active);
  const key = inside && (active.getAttribute("href") || active.textContent);
  const open = [...part.querySelectorAll("details")].map((one) => one.open);
  part.replaceChildren(...fresh.childNodes);
  part.querySelectorAll("details").forEach((one, number) => { one.open = open[number] ?? one.open; });
  if (!inside) return;
  const again = [...part.querySelectorAll("a, button, summary, [tabindex]")].find((one) => (one.getAttribute("href") || one.textContent) === key);
  (again || main).focus({ preventScroll: true });
}

async function renew() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const other = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
    if (other) replace(part, other);
  }
  const logs = document.querySelector("[data-logs]");
  if (logs && !fresh.querySelector("[data-logs]")) logs.remove();
  const next = fresh.getElementById("main").dataset.events;
  if (!next) close();
  address = next;
}

function tell(notices) {
  const list = document.getElementById("notices");
  list.replaceChildren(...notices.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  list.hidden = !notices.length;
}

function log({ stream, text }) {
  const place = document.querySelector(`[data-log="${stream}"]`);
  if (!place) return;
  const follows = place.scrollHeight - place.scrollTop - place.clientHeight < 30;
  place.textContent = (place.textContent + text).slice(-MOST_TEXT);
  if (follows) place.scrollTop = place.scrollHeight;
}

function close() {
  if (source) source.close();
  source = null;
}

function connect() {
  close();
  if (!address) return;
  const asked = new URL(address, location.href);
  if (mark) asked.searchParams.set("mark", mark);
  source = new EventSource(asked);
  const mine = source;
  source.onopen = () => { document.getElementById("away").hidden = true; if (lost) renew(); lost = false; };
  source.onerror = () => {
    lost = true;
    document.getElementById("away").hidden = false;
    close();
    setTimeout(() => { if (!source && !document.hidden) connect(); }, 1000);
  };
  source.addEventListener("changed", (event) => { say(JSON.parse(event.data).said); renew(); });
  source.addEventListener("notice", (event) => tell(JSON.parse(event.data)));
  source.addEventListener("log", (event) => { if (mine === source) { mark = event.lastEventId; log(JSON.parse(event.data)); } });
}

// A browser opens few connections to one server: a page that nobody sees gives its own back.
document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else { connect(); if (address) renew(); } });
window.addEventListener("pagehide", close);
connect();
