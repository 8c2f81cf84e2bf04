// Forms: the button that sent one cannot send it twice; data-confirm asks first; data-show toggles a password;
// a typed confirmation (data-must="TEXT") enables its button only when it fits; the first wrong field has the focus.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const question = event.submitter?.dataset.confirm;
  if (question && !confirm(question)) {
    event.preventDefault();
    return;
  }
  if (form.method.toLowerCase() !== "post") return;
  const button = event.submitter;
  if (button) setTimeout(() => { button.disabled = true; }, 0);
});

// A page that comes back from the browser's memory must be usable again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of document.querySelectorAll("form button:disabled")) button.disabled = false;
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-show]");
  if (!button) return;
  const field = document.getElementById(button.dataset.show);
  const shown = field.type === "text";
  field.type = shown ? "password" : "text";
  button.setAttribute("aria-pressed", String(!shown));
});

for (const field of document.querySelectorAll("input[data-must]")) {
  const button = field.form?.querySelector("button[type=submit]");
  const check = () => { button.disabled = field.value.trim().toLowerCase() !== field.dataset.must.toLowerCase(); };
  if (button) {
    field.addEventListener("input", check);
    check();
  }
}

(document.querySelector("[aria-invalid=true]") ?? document.querySelector("[data-focus]"))?.focus();

// A count-down to a moment: <span data-until="SECONDS SINCE 1970">.
for (const place of document.querySelectorAll("[data-until]")) {
  const until = Number(place.dataset.until) * 1000;
  const show = () => {
    const left = Math.max(0, Math.round((until - Date.now()) / 1000));
    place.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (left > 0) setTimeout(show, 1000);
  };
  show();
}
