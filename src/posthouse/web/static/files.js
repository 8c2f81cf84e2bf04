// <input type="file" data-into="ID"> puts the text of a file into the field with that id: the form sends the field.
for (const input of document.querySelectorAll("input[type=file][data-into]")) {
  input.addEventListener("change", async () => {
    const [file] = input.files;
    const field = document.getElementById(input.dataset.into);
    if (!file || !field) return;
    if (file.size > 200_000) {
      input.setCustomValidity(input.dataset.large);
      input.reportValidity();
      input.value = "";
      return;
    }
    input.setCustomValidity("");
    field.value = await file.text();
    input.value = ""; // the field is what is sent, and may be corrected
  });
}
