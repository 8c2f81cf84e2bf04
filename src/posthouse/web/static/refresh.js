// An element with an id and data-refresh="SECONDS" is fetched anew with its page, and swapped when it differs; no more
// once the page comes without data-refresh.
// It waits while the page is hidden or while somebody is busy in it.
import { localTimes } from "./times.js";

// Somebody writes, chooses or marks text in it. A table that was only clicked at does not count.
function busy(place) {
  const active = document.activeElement;
  if (place.contains(active) && (!active.matches(".table-box") || active.matches(":focus-visible"))) return true;
  const marked = getSelection();
  return !marked.isCollapsed && place.contains(marked.anchorNode);
}

// What is opened stays open.
function keepOpen(place, found) {
  for (const each of place.querySelectorAll("details[id][open]")) found.querySelector(`#${CSS.escape(each.id)}`)?.setAttribute("open", "");
}

export async function swap(id) {
  const place = document.getElementById(id);
  if (!place || document.hidden || busy(place)) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(10000) });
    if (answer.redirected || !answer.ok) return; // signed out, or gone: the next click will say so
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(id);
    if (found) {
      localTimes(found);
      keepOpen(place, found);
      if (found.innerHTML !== place.innerHTML) place.replaceChildren(...found.childNodes);
      if (!found.dataset.refresh) delete place.dataset.refresh;
    }
  } catch {
    // the server is away for a moment: try again
  }
}

async function refresh(id, seconds) {
  if (!document.getElementById(id)?.dataset.refresh) return;
  await swap(id);
  setTimeout(refresh, seconds * 1000, id, seconds);
}

for (const place of document.querySelectorAll("[id][data-refresh]")) {
  const seconds = Math.max(2, Number(place.dataset.refresh) || 10);
  setTimeout(refresh, seconds * 1000, place.id, seconds);
}
