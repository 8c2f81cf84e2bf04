// What the pages gain with a script; each works without. One file per gain, and none knows another.
import "./times.js";
import "./copy.js";
import "./refresh.js";
import "./stream.js";
import "./files.js";
import "./choose.js";
import "./forms.js";
import "./passkeys.js";
import "./navigation.js";

document.documentElement.classList.add("scripted");
