// What a person does in Thunderbird, as tasks that Marionette runs in its windows. Each is called with one object and
// answers with a value; what Thunderbird itself does in its windows is called, never copied.
/* global Services, ChromeUtils, Ci, Cc */

const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const { setTimeout } = ChromeUtils.importESModule("resource://gre/modules/Timer.sys.mjs"); // runs beside modal windows
const mainWindow = () => Services.wm.getMostRecentWindow("mail:3pane");

/** Wait until something is there, and answer with it. */
async function until(found, what) {
  for (const end = Date.now() + 45000; Date.now() < end; ) {
    const value = await found();
    if (value) {
      return value;
    }
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  throw new Error(`waited in vain for ${what}`);
}

const account = () => MailServices.accounts.accounts.find(each => each.incomingServer.type === "imap");
const server = () => account().incomingServer.QueryInterface(Ci.nsIImapIncomingServer);
const online = folder => folder.QueryInterface(Ci.nsIMsgImapMailFolder).onlineName;
const known = () => server().rootFolder.descendants.filter(folder => online(folder));
const folder = name => known().find(each => online(each) === name);
const windowOf = part =>
  Array.from(Services.wm.getEnumerator(null)).find(each => each.location.href.includes(part));

/** Run an action of a folder and wait for its end. */
function whole(start) {
  return new Promise(resolve => {
    start({
      QueryInterface: ChromeUtils.generateQI(["nsIUrlListener"]),
      OnStartRunningUrl() {},
      OnStopRunningUrl: (url, status) => resolve(status),
    });
  });
}

const tasks = {
  /** Make the account as the set-up does: ask the domain for its settings, and take them. */
  async setUp({ address, name, password }) {
    const load = file => ChromeUtils.importESModule(`resource:///modules/accountcreation/${file}.sys.mjs`);
    const { FetchConfig } = load("FetchConfig");
    const { AccountConfig } = load("AccountConfig");
    const { CreateInBackend } = load("CreateInBackend");
    const domain = address.split("@")[1];
    const config = await FetchConfig.fromISP(domain, address, new AbortController().signal);
    AccountConfig.replaceVariables(config, name, address, password);
    config.rememberPassword = Boolean(password);
    if (!password) {
      // What the person chooses in the settings of the account, with the add-on that names our pages.
      config.incoming.auth = config.outgoing.auth = Ci.nsMsgAuthMethod.OAuth2;
    }
    const made = await CreateInBackend.createAccountInBackend(config);
    return [made.incomingServer.hostname, made.incomingServer.port, config.outgoing.port];
  },

  /** Open the Inbox; the first time this signs in. */
  async openInbox() {
    const inbox = await until(() => folder("INBOX"), "the Inbox");
    return whole(listener => inbox.updateFolderWithListener(mainWindow().msgWindow, listener));
  },

  /** Ask for new mail, as the button does, and do not wait: a window for signing in comes up. */
  async startSignIn() {
    const inbox = await until(() => server().rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox), "the Inbox");
    setTimeout(() => inbox.getNewMessages(mainWindow().msgWindow, null), 0);
  },

  /** Wait until the server has told its folders, which it does once somebody has signed in. */
  async signedIn() {
    await until(() => folder("Sent") && folder("Drafts"), "folders of the account");
  },

  /** The names of all folders in the tree. */
  async folders() {
    return known().map(online);
  },

  /** Mark a folder in the window "Subscribe", and wait until it is in the tree; what the window offered. */
  async subscribe({ name }) {
    setTimeout(() => mainWindow().MsgSubscribe(server().rootFolder), 0); // it returns when the window is closed
    const dialog = await until(() => windowOf("subscribe.xhtml"), "the window Subscribe");
    const rows = await until(() => {
      const flat = list => list.flatMap(row => [row, ...flat(row.children ?? [])]);
      const found = flat(dialog.gSubscribeTree?.view?._allRowMap ?? []);
      return found.some(row => row.childPath === name) && found;
    }, "names to subscribe to");
    rows.find(row => row.childPath === name).addProperty("checked");
    dialog.document.querySelector("dialog").acceptDialog();
    await until(async () => {
      await new Promise(resolve => setTimeout(resolve, 1000));
      server().performExpand(mainWindow().msgWindow);
      return folder(name);
    }, name);
    return rows.map(row => row.childPath);
  },

  /** Show the newest message of a folder; what the person then sees of it. */
  async read({ name }) {
    const about3Pane = mainWindow().document.getElementById("tabmail").currentAbout3Pane;
    const wanted = folder(name);
    await whole(listener => wanted.updateFolderWithListener(mainWindow().msgWindow, listener));
    about3Pane.displayFolder(wanted);
    await until(
      () => about3Pane.gFolder === wanted && about3Pane.gDBView?.viewFolder === wanted && about3Pane.gDBView.rowCount,
      "a message in the list",
    );
    about3Pane.threadTree.selectedIndex = about3Pane.gDBView.rowCount - 1;
    return until(() => {
      const shown = about3Pane.messageBrowser.contentWindow;
      const subject = shown?.document.getElementById("expandedsubjectBox")?.textContent.trim();
      const text = shown?.getMessagePaneBrowser()?.contentDocument?.body?.textContent.trim();
      return shown?.gMessage?.folder === wanted && text?.includes(shown.gMessage.subject) && { subject, text };
    }, "the text of the message");
  },

  /** What the window "Folder Properties" says on its page "Sharing". */
  async properties({ name }) {
    const wanted = folder(name);
    await whole(listener => wanted.updateFolderWithListener(mainWindow().msgWindow, listener));
    mainWindow().document.getElementById("tabmail").currentAbout3Pane.folderPane.editFolder(wanted, "");
    const dialog = await until(() => windowOf("folderProps.xhtml"), "the window Folder Properties");
    const text = id => dialog.document.getElementById(id);
    const found = await until(() => {
      const permissions = text("folderPermissions.text")?.textContent;
      return (
        permissions && {
          type: text("folderType.text").getAttribute("value"),
          description: text("folderDescription.text").getAttribute("value"),
          permissions,
          others: text("folderOtherUsersText").textContent,
        }
      );
    }, "permissions");
    dialog.close();
    return found;
  },

  /** Write a message and send it; ``from`` is another identity of the account. */
  async send({ from, to, subject, text }) {
    const identity = MailServices.accounts.createIdentity();
    identity.email = from;
    identity.smtpServerKey = account().defaultIdentity.smtpServerKey;
    identity.fccFolderURI = account().defaultIdentity.fccFolderURI;
    identity.doFcc = false;
    account().addIdentity(identity);
    const make = (contract, kind) => Cc[contract].createInstance(kind);
    const parameters = make("@mozilla.org/messengercompose/composeparams;1", Ci.nsIMsgComposeParams);
    const fields = make("@mozilla.org/messengercompose/composefields;1", Ci.nsIMsgCompFields);
    fields.to = to;
    fields.subject = subject;
    fields.body = text;
    parameters.identity = identity;
    parameters.composeFields = fields;
    parameters.format = Ci.nsIMsgCompFormat.PlainText;
    MailServices.compose.OpenComposeWindowWithParams(null, parameters);
    const compose = await until(() => windowOf("messengercompose.xhtml"), "the window for writing");
    await until(() => compose.composeEditorReady ?? compose.gMsgCompose?.editor, "its editor");
    compose.goDoCommand("cmd_sendNow");
    await until(() => compose.closed, "the message to be sent");
  },

  /** The page that the browser window of the sign-in shows, once it has a word: its address and fields. */
  async page({ word = "" }) {
    const dialog = await until(() => windowOf("browserRequest.xhtml"), "the page for signing in");
    return inPage(
      dialog,
      `content.document.body.innerText.includes(${JSON.stringify(word)}) && ({
          url: content.location.href,
          names: Array.from(content.document.querySelectorAll("input"), input => input.name) })`,
    );
  },

  /** Fill fields of that page and press a button. */
  async fill({ values, press }) {
    const dialog = await until(() => windowOf("browserRequest.xhtml"), "the page for signing in");
    return inPage(
      dialog,
      `(() => {
        for (const [name, value] of Object.entries(${JSON.stringify(values)})) {
          content.document.querySelector("input[name='" + name + "']").value = value;
        }
        const button = content.document.querySelector(${JSON.stringify(press)});
        content.setTimeout(() => button.click(), 0);
        return true;
      })()`,
    );
  },

  /** Wait until that page is gone. */
  async pageGone() {
    await until(() => !windowOf("browserRequest.xhtml"), "the page to close");
  },
};

/** The value of an expression in the page, which lives in another process. */
function inPage(dialog, expression) {
  return until(
    () =>
      new Promise(resolve => {
        const messages = dialog.document.getElementById("requestFrame")?.messageManager;
        if (!messages) {
          resolve(null);
          return;
        }
        setTimeout(() => resolve(null), 3000); // a page that is left meanwhile does not answer
        const word = `posthouse:${Services.uuid.generateUUID()}`;
        messages.addMessageListener(word, ({ data }) => resolve(data));
        const script = `{ let value = null;
          try { if (content.document.readyState === "complete") { value = ${expression}; } } catch (error) {}
          sendAsyncMessage(${JSON.stringify(word)}, value); }`;
        messages.loadFrameScript(`data:,${encodeURIComponent(script)}`, false);
      }),
    "the page to load",
  );
}
