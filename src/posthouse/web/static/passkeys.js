// Passkeys. <form data-passkey="get|create" data-options="ID"> holds the server's options as JSON in the element
// with that id; the authenticator's answer goes into the form's field "answer", and the form is sent.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

function options(given) {
  const made = { ...given, challenge: bytes(given.challenge) };
  if (given.user) made.user = { ...given.user, id: bytes(given.user.id) };
  for (const list of ["allowCredentials", "excludeCredentials"]) {
    if (given[list]) made[list] = given[list].map((each) => ({ ...each, id: bytes(each.id) }));
  }
  return made;
}

function answer(credential) {
  const response = { clientDataJSON: text(credential.response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  };
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) {
    form.querySelector("[data-unsupported]")?.removeAttribute("hidden");
    continue;
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const place = form.querySelector("[data-said]");
    try {
      const publicKey = options(JSON.parse(document.getElementById(form.dataset.options).value));
      const credential =
        form.dataset.passkey === "create"
          ? await navigator.credentials.create({ publicKey })
          : await navigator.credentials.get({ publicKey });
      form.elements.answer.value = JSON.stringify(answer(credential));
      form.submit();
    } catch (error) {
      for (const button of form.querySelectorAll("button")) button.disabled = false;
      if (place) {
        place.hidden = false;
        place.textContent = error.name === "InvalidStateError" ? place.dataset.known : place.dataset.failed;
      }
    }
  });
}
