"""Notices in English."""

from __future__ import annotations

from posthouse.deliver.dsn.texts.words import Words

_ADMINISTRATOR = (
    "There is nothing wrong with your message as such. Please tell the administrator of {our}; the answer above says "
    "what is asked for."
)

WORDS = Words(
    tag="en",
    name="English",
    months=(
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    moment="{day} {month} {year}, {clock}",
    units=(("1 minute", "{count} minutes"), ("1 hour", "{count} hours"), ("1 day", "{count} days")),
    subject={
        "failed": "Not delivered: {subject}",
        "delayed": "Not delivered yet: {subject}",
        "delivered": "Delivered: {subject}",
        "relayed": "Passed on: {subject}",
        "expanded": "Passed on: {subject}",
    },
    intro={
        "failed": "Your message was not delivered to {count} of its recipients:",
        "delayed": "Your message has not been delivered to {count} of its recipients yet:",
        "delivered": "Your message was delivered to {count} recipients:",
        "relayed": "Your message was passed on for {count} recipients:",
        "expanded": "Your message was passed on for {count} recipients:",
    },
    happened={
        "delivered": "Your message is in the mailbox of {address}.",
        "relayed": "Your message for {address} was passed on to {host}. That server does not send notices, so this "
        "is the last we know of it.",
        "expanded": "Your message for {address} was passed on to those that the address stands for.",
    },
    cause={
        "no-mailbox": "There is no mailbox {address}.",
        "mailbox-full": "The mailbox of {address} is full.",
        "disabled": "The mailbox {address} is closed and takes no mail.",
        "spam": "The server of {domain} takes your message to {address} for unwanted mail (spam).",
        "blocked": "The server of {domain} takes no mail from our server, so {address} did not get your message.",
        "unauthenticated": "The server of {domain} does not believe that your message to {address} comes from where "
        "it says (SPF, DKIM or DMARC).",
        "policy": "The rules of {domain} do not let your message through to {address}.",
        "too-large": "Your message ({size}) is too large for {address}.",
        "relay-denied": "The server that is responsible for {domain} says that it is not, so {address} did not get "
        "your message.",
        "dns": "There is no server that takes mail for {domain}, so {address} cannot be reached.",
        "unreachable": "We could not reach {domain} for {time}, so {address} did not get your message.",
        "tls": "No connection to {domain} is as secure as it has to be, so {address} did not get your message.",
        "greylisted": "The server of {domain} asks us to come again later (greylisting) with your message to "
        "{address}.",
        "rate-limited": "The server of {domain} takes no more mail from us for the time being, so {address} did not "
        "get your message.",
        "content": "The server of {domain} refuses what is in your message to {address}, perhaps an attachment.",
        "loop": "Your message to {address} went in circles between servers.",
        "other": "Your message could not be delivered to {address}.",
    },
    advice={
        "no-mailbox": "Please look for a typing error in the address, or ask for the right one by other means.",
        "mailbox-full": "The recipient has to make room first. Please tell them by other means, and send the message "
        "again later.",
        "disabled": "Please ask by other means which address is used now.",
        "spam": "Please write it in other words, with fewer links or without attachment, or reach the recipient by "
        "other means.",
        "blocked": _ADMINISTRATOR,
        "unauthenticated": "If you sent it through {our} as always, please tell its administrator; the answer above "
        "says what is missing.",
        "policy": "The answer above says what is not wanted. If that does not help, ask the recipient to tell their "
        "administrator.",
        "too-large": "Please send less at once, or put the file elsewhere and send a link to it.",
        "relay-denied": "Please look for a typing error after the @. If there is none, the mistake is at {domain}.",
        "dns": "Please look for a typing error after the @.",
        "unreachable": "This is most often a trouble at {domain} that passes. Please try again later, or reach the "
        "recipient by other means.",
        "tls": "Please tell the administrator of {our}.",
        "greylisted": "",
        "rate-limited": "Please try again later.",
        "content": "Please send it without the attachment, or put the file elsewhere and send a link to it.",
        "loop": "Please tell the administrator of {domain}: mail for this address is sent back and forth.",
        "other": "The answer above says why. If it does not help, the administrator of {our} can see more.",
    },
    later="We go on trying until {until}; you need not send it again.",
    gave_up="We tried for {time} and stop now.",
    said="{host} answered, word for word:",
    said_by_us="What happened, in technical words:",
    about="About your message",
    about_subject="Subject: {subject}",
    about_received="Received here: {until}",
    about_id="Message-ID: {subject}",
    about_trace="For the administrator: {trace}",
    attached="The message is attached.",
    attached_header="The header of the message is attached.",
    more="And {count} more; the attached report names them all.",
    signature="This notice comes from the mail server {our}. It was written by a program.",
)
