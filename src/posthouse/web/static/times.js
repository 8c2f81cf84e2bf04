// Shows every <time> in the reader's own zone and the page's language; the moment in UTC stays as its title.
const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
const short = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "short", timeStyle: "short" });

export function localTimes(place) {
  for (const time of place.querySelectorAll("time[datetime]:not([title])")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.title = time.textContent;
    time.textContent = (time.closest("[data-short-times]") ? short : format).format(moment);
  }
}

localTimes(document);
