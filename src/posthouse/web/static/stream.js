// An element with an id and data-stream="PATH" shows work that goes on: it is fetched anew whenever that stream of
// events tells of a step, and the page is loaded once more when the work has ended.
import { swap } from "./refresh.js";

for (const place of document.querySelectorAll("[id][data-stream]")) {
  const source = new EventSource(place.dataset.stream);
  let waits = false;
  source.addEventListener("step", () => {
    if (waits) return;
    waits = true;
    setTimeout(async () => { await swap(place.id); waits = false; }, 300);
  });
  source.addEventListener("end", () => { source.close(); location.reload(); });
  addEventListener("pagehide", () => source.close());
}
