// <select data-chooses="GROUP">: only those parts of the form with data-of="GROUP" are shown whose data-for names the
// choice.
for (const select of document.querySelectorAll("select[data-chooses]")) {
  const parts = [...document.querySelectorAll(`[data-of="${select.dataset.chooses}"]`)];
  const show = () => {
    for (const part of parts) part.hidden = !part.dataset.for.split(" ").includes(select.value);
  };
  select.addEventListener("change", show);
  show();
}
