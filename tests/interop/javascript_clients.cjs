// nodemailer submits a message, imapflow finds it, reads it, flags it and moves it. Prints "all well" at the end.
const assert = require("node:assert");
const nodemailer = require("nodemailer");
const { ImapFlow } = require("imapflow");

const [submissions, imaps, user, pass] = process.argv.slice(2);
const tls = { rejectUnauthorized: false };

async function main() {
  const sender = nodemailer.createTransport({
    host: "127.0.0.1", port: Number(submissions), secure: true, auth: { user, pass }, tls,
  });
  const text = "Grüße\n.dot at the start\nlast line\n";
  const sent = await sender.sendMail({ from: user, to: user, subject: "from nodemailer ✓", text });
  assert.ok(sent.accepted.length === 1);

  const client = new ImapFlow({
    host: "127.0.0.1", port: Number(imaps), secure: true, auth: { user, pass }, tls, logger: false,
    qresync: true,
  });
  await client.connect();
  assert.ok(client.capabilities.has("CONDSTORE"));
  const lock = await client.getMailboxLock("INBOX");
  try {
    const message = await client.fetchOne("*", { envelope: true, bodyStructure: true, source: true, flags: true });
    assert.strictEqual(message.envelope.subject, "from nodemailer ✓");
    assert.ok(message.source.toString().includes("last line"));
    await client.messageFlagsAdd("*", ["\\Seen", "$Important"]);
    const again = await client.fetchOne("*", { flags: true });
    assert.ok(again.flags.has("\\Seen") && again.flags.has("$Important"));
    const found = await client.search({ subject: "nodemailer" });
    assert.strictEqual(found.length, 1);
    const moved = await client.messageMove(found, "Archive");
    assert.strictEqual(moved.uidMap.size, 1);
  } finally {
    lock.release();
  }
  const status = await client.status("Archive", { messages: true, highestModseq: true });
  assert.strictEqual(status.messages, 1);
  await client.logout();
  console.log("all well");
}

main().catch((error) => { console.error(error); process.exit(1); });
