// An element with an id and data-refresh="SECONDS" is fetched anew with its page, and swapped when it differs.
// It waits while the page is hidden or while somebody writes in it.
import { localTimes } from "./times.js";

export async function swap(id) {
  const place = document.getElementById(id);
  if (!place || document.hidden || place.contains(document.activeElement)) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(10000) });
    if (answer.redirected || !answer.ok) return; // signed out, or gone: the next click will say so
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(id);
    if (found) {
      localTimes(found);
      if (found.innerHTML !== place.innerHTML) place.replaceChildren(...found.childNodes);
    }
  } catch {
    // the server is away for a moment: try again
  }
}

async function refresh(id, seconds) {
  if (!document.getElementById(id)) return;
  await swap(id);
  setTimeout(refresh, seconds * 1000, id, seconds);
}

for (const place of document.querySelectorAll("[id][data-refresh]")) {
  const seconds = Math.max(2, Number(place.dataset.refresh) || 10);
  setTimeout(refresh, seconds * 1000, place.id, seconds);
}
