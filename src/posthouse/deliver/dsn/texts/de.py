"""Notices in German."""

from __future__ import annotations

from posthouse.deliver.dsn.texts.words import Words

WORDS = Words(
    tag="de",
    name="Deutsch",
    months=(
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ),
    moment="{day}. {month} {year}, {clock}",
    units=(("1 Minute", "{count} Minuten"), ("1 Stunde", "{count} Stunden"), ("1 Tag", "{count} Tage")),
    subject={
        "failed": "Nicht zugestellt: {subject}",
        "delayed": "Noch nicht zugestellt: {subject}",
        "delivered": "Zugestellt: {subject}",
        "relayed": "Weitergegeben: {subject}",
        "expanded": "Weitergegeben: {subject}",
    },
    intro={
        "failed": "Ihre Nachricht wurde {count} Empfängern nicht zugestellt:",
        "delayed": "Ihre Nachricht konnte {count} Empfängern noch nicht zugestellt werden:",
        "delivered": "Ihre Nachricht wurde {count} Empfängern zugestellt:",
        "relayed": "Ihre Nachricht wurde für {count} Empfänger weitergegeben:",
        "expanded": "Ihre Nachricht wurde für {count} Empfänger weitergegeben:",
    },
    happened={
        "delivered": "Ihre Nachricht liegt im Postfach von {address}.",
        "relayed": "Ihre Nachricht an {address} wurde an {host} weitergegeben. Dieser Server verschickt keine "
        "Benachrichtigungen; mehr erfahren wir deshalb nicht.",
        "expanded": "Ihre Nachricht an {address} wurde an alle weitergegeben, für die diese Adresse steht.",
    },
    cause={
        "no-mailbox": "Das Postfach {address} gibt es nicht.",
        "mailbox-full": "Das Postfach von {address} ist voll.",
        "disabled": "Das Postfach {address} ist geschlossen und nimmt keine Nachrichten an.",
        "spam": "Der Server von {domain} hält Ihre Nachricht an {address} für unerwünschte Werbung (Spam).",
        "blocked": "Der Server von {domain} nimmt von unserem Server keine Nachrichten an; {address} hat Ihre "
        "Nachricht nicht bekommen.",
        "unauthenticated": "Der Server von {domain} glaubt nicht, dass Ihre Nachricht an {address} von dort kommt, "
        "wovon sie zu kommen angibt (SPF, DKIM oder DMARC).",
        "policy": "Die Regeln von {domain} lassen Ihre Nachricht nicht zu {address} durch.",
        "too-large": "Ihre Nachricht ({size}) ist zu groß für {address}.",
        "relay-denied": "Der für {domain} zuständige Server sagt, er sei es nicht; {address} hat Ihre Nachricht nicht "
        "bekommen.",
        "dns": "Kein Server nimmt Nachrichten für {domain} an; {address} ist nicht zu erreichen.",
        "unreachable": "Wir konnten {domain} nicht erreichen (seit {time}); {address} hat Ihre Nachricht nicht "
        "bekommen.",
        "tls": "Keine Verbindung zu {domain} ist so sicher, wie sie sein muss; {address} hat Ihre Nachricht nicht "
        "bekommen.",
        "greylisted": "Der Server von {domain} bittet uns, mit Ihrer Nachricht an {address} später wiederzukommen "
        "(Greylisting).",
        "rate-limited": "Der Server von {domain} nimmt von uns zurzeit nichts mehr an; {address} hat Ihre Nachricht "
        "nicht bekommen.",
        "content": "Der Server von {domain} lehnt ab, was in Ihrer Nachricht an {address} steht, vielleicht einen "
        "Anhang.",
        "loop": "Ihre Nachricht an {address} ging zwischen Servern im Kreis.",
        "other": "Ihre Nachricht konnte {address} nicht zugestellt werden.",
    },
    advice={
        "no-mailbox": "Bitte sehen Sie nach, ob die Adresse richtig geschrieben ist, oder fragen Sie auf anderem Weg "
        "nach der richtigen.",
        "mailbox-full": "Der Empfänger muss erst Platz schaffen. Bitte sagen Sie es ihm auf anderem Weg, und senden "
        "Sie die Nachricht später noch einmal.",
        "disabled": "Bitte fragen Sie auf anderem Weg, welche Adresse jetzt gilt.",
        "spam": "Bitte schreiben Sie die Nachricht anders, mit weniger Links oder ohne Anhang, oder nehmen Sie einen "
        "anderen Weg.",
        "blocked": "An Ihrer Nachricht selbst liegt es nicht. Bitte sagen Sie dem Administrator von {our} Bescheid; "
        "die Antwort oben sagt, was verlangt wird.",
        "unauthenticated": "Wenn Sie wie immer über {our} gesendet haben, sagen Sie bitte dem Administrator Bescheid; "
        "die Antwort oben sagt, was fehlt.",
        "policy": "Die Antwort oben sagt, was nicht erwünscht ist. Hilft das nicht weiter, so bitten Sie den "
        "Empfänger, seinen Administrator zu fragen.",
        "too-large": "Bitte senden Sie weniger auf einmal, oder legen Sie die Datei woanders ab und senden Sie den "
        "Link.",
        "relay-denied": "Bitte sehen Sie nach, ob die Adresse nach dem @ richtig geschrieben ist. Wenn ja, liegt der "
        "Fehler bei {domain}.",
        "dns": "Bitte sehen Sie nach, ob die Adresse nach dem @ richtig geschrieben ist.",
        "unreachable": "Meist ist das eine Störung bei {domain}, die vorübergeht. Bitte versuchen Sie es später noch "
        "einmal, oder nehmen Sie einen anderen Weg.",
        "tls": "Bitte sagen Sie dem Administrator von {our} Bescheid.",
        "greylisted": "",
        "rate-limited": "Bitte versuchen Sie es später noch einmal.",
        "content": "Bitte senden Sie die Nachricht ohne den Anhang, oder legen Sie die Datei woanders ab und senden "
        "Sie den Link.",
        "loop": "Bitte sagen Sie dem Administrator von {domain} Bescheid: Nachrichten an diese Adresse werden hin und "
        "her geschickt.",
        "other": "Die Antwort oben sagt, warum. Hilft das nicht weiter, so sieht der Administrator von {our} mehr.",
    },
    later="Wir versuchen es weiter bis {until}; Sie müssen nichts noch einmal senden.",
    gave_up="Wir haben es so lange versucht: {time}. Jetzt hören wir auf.",
    said="{host} antwortete wörtlich:",
    said_by_us="Was geschah, in der Sprache der Technik:",
    about="Zu Ihrer Nachricht",
    about_subject="Betreff: {subject}",
    about_received="Hier angekommen: {until}",
    about_id="Message-ID: {subject}",
    about_trace="Für den Administrator: {trace}",
    attached="Die Nachricht ist angehängt.",
    attached_header="Der Kopf der Nachricht ist angehängt.",
    more="Und {count} weitere; der angehängte Bericht nennt sie alle.",
    signature="Diese Mitteilung kommt vom Mailserver {our}. Ein Programm hat sie geschrieben.",
)
