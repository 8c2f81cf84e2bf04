// On a low screen the list of pages scrolls by itself: the page that is open is brought into its view.
const list = document.querySelector(".side nav");
const current = list && list.querySelector("a[aria-current]");

if (current) {
  const below = current.getBoundingClientRect().bottom - list.getBoundingClientRect().bottom;
  if (below > 0) list.scrollTop += below + list.clientHeight / 3;
}
