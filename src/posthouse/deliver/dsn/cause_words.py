"""The words by which servers give their reasons away; the first rule that fits counts.

Gathered from the sources and manuals of Postfix, Exim, Sendmail, qmail, Dovecot and Exchange and from what the large
providers say on their help pages. All patterns are for lower-case text with single blanks. None may take longer than
its text is long: no nested repetitions.
"""

from __future__ import annotations

import re


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


_WHO = r"(?:user|recipient|mailbox|account|address|person|inbox|subscriber|alias|recipient address|email)"

RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "greylisted",
        _any(
            r"gr[ea]y-? ?list",
            r"postgrey",
            r"try again in \d+ seconds? .{0,40}(?:first|new) ",
            r"please (?:re)?try (?:again )?later .{0,20}unknown sender triplet",
        ),
    ),
    (
        "loop",
        _any(
            r"too many hops",
            r"hop count exceeded",
            r"(?:mail|routing) loop",
            r"loops? back to (?:myself|me)",
            r"message (?:is )?looping",
            r"too many ['\"]?received",
            r"forwarding loop",
        ),
    ),
    (
        "tls",
        _any(
            r"must issue a? ?starttls",
            r"starttls (?:is )?(?:required|not offered|failed|command first)",
            r"(?:tls|encryption) (?:is )?(?:required|needed|mandatory)",
            r"(?:requires?|need) (?:a )?(?:tls|encryption)",
            r"tls handshake",
            r"certificate (?:verification|verify|has expired|is not trusted|rejected|name)",
            r"requiretls",
            r"mta-sts",
            r"\bdane\b",
        ),
    ),
    (
        "rate-limited",
        _any(
            r"rate[- ]?limit",
            r"receiving mail (?:at a rate|too quickly)",
            r"unusual rate of unsolicited",
            r"unexpected volume or user complaints",
            r"too many (?:connections|messages|recipients|emails|mails|concurrent|sessions|errors|requests)",
            r"too much mail",
            r"(?:sending|message|connection|mail) (?:rate|frequency) .{0,40}exceed",
            r"exceeded .{0,40}(?:sending|hourly|daily|rate|connection) ",
            r"throttl",
            r"server (?:is )?(?:too )?busy",
            r"try(?:ing)? to send .{0,20}too (?:fast|quickly|many)",
            r"slow down",
            r"temporarily deferred",
            r"resources temporarily unavailable",
        ),
    ),
    (
        "blocked",
        _any(
            r"(?:client host|ip|host|server|connection|address) \S{0,60} ?(?:is )?"
            r"(?:blocked|blacklisted|listed|banned)",
            r"blocked (?:using|by|because|via) .{0,60}(?:\.org|\.net|\.com|list|spamhaus|barracuda|spamcop|rbl)",
            r"spamhaus|spamcop|barracudacentral|sorbs|uceprotect|\bdnsbl\b|\brbl\b",
            r"banned sending ip",
            r"on (?:our|a|the) (?:block|black|deny) ?list",
            r"(?:ip|ip address|host|network) .{0,60}(?:black|block)[- ]?list",
            r"black listed",
            r"bad dns ptr|ptr (?:resource )?record|reverse dns|reverse hostname|cannot find your (?:reverse )?hostname",
            r"client host rejected",
            r"helo command rejected",
            r"ip=\S+ - a problem occurred",
            r"(?:poor|bad|low) (?:ip |sender |domain )?reputation",
            r"reputation of .{0,60}(?:low|poor|bad)",
            r"connection refused by policy",
            r"not accepting (?:mail|connections) from (?:your|this) (?:ip|host|server)",
            r"\[bl\d\d\]",
            r"is not (?:allowed|permitted) to connect",
            r"554[ -]no smtp service",
        ),
    ),
    (
        "unauthenticated",
        _any(
            r"\bspf\b .{0,60}(?:fail|not|reject|den|did|check|hard)",
            r"(?:fail|failed|failing|violat\w+|because of) .{0,30}\bspf\b",
            r"\bdkim\b .{0,60}(?:fail|not|reject|did|miss|inval)",
            r"\bdmarc\b",
            r"sender policy framework",
            r"message .{0,20}unauthenticated|mail is unauthenticated",
            r"not authorized to send (?:e-?)?mail (?:for|from|on behalf)",
            r"unauthenticated (?:e-?mail|mail|sender)",
            r"requires? .{0,30}authenticate with (?:at least one of )?(?:spf|dkim)",
            r"openspf\.org",
        ),
    ),
    (
        "too-large",
        _any(
            r"(?:message|mail|size|e-?mail|content|header) .{0,40}"
            r"(?:too (?:large|big|long)|exceeds? .{0,30}(?:size|maximum|limit))",
            r"(?:exceeds|exceeded) .{0,40}(?:maximum|message|size) .{0,30}(?:size|limit|permitted)",
            r"message size (?:limit|exceeds|violat)",
            r"(?:size|message) (?:is )?(?:over|above|larger than) .{0,30}(?:limit|maximum|allowed)",
            r"resolver\.rst\.(?:send|recip)sizelimit",
            r"maximum (?:message|allowed) size",
        ),
    ),
    (
        "mailbox-full",
        _any(
            r"(?:mail)?(?:box|folder|inbox|account|user|recipient|maildir)\S? .{0,60}\bfull\b",
            r"mailbox full",
            r"(?:over|out of|exceed\w*|beyond) "
            r"(?:the |its |his |their |storage |mailbox |disk |user |allowed ){0,4}(?:quota|storage|allocat)",
            r"(?:quota|storage(?: limit| allocation)?) .{0,40}exceed",
            r"quota (?:is )?full",
            r"quotaexceeded|overquota|over quota",
            r"insufficient (?:disk|system|mailbox)? ?(?:storage|space)",
            r"not enough (?:storage|space|room) .{0,40}(?:mailbox|user|recipient)",
            r"maximum (?:storage|mailbox) size",
            r"mailbox size limit exceeded",
            r"diese mailbox ist voll|postfach (?:ist )?voll",
        ),
    ),
    (
        "relay-denied",
        _any(
            r"relay(?:ing)? (?:access )?(?:is )?(?:denied|not permitted|prohibited|not allowed|disallowed)",
            r"unable to relay",
            r"(?:do not|don't|cannot|will not|won't|not permitted to) relay",
            r"sorry, that domain isn'?t in my list of allowed rcpthosts",
            r"not (?:a |one of my )?local (?:domain|host)",
            r"we do not (?:accept|handle) mail for (?:this|that) domain",
            r"tenantattribution",
            r"domain .{0,40}not (?:hosted|handled) here",
        ),
    ),
    (
        "policy",  # what is said of the sender is not about the recipient's mailbox
        _any(
            r"sender address rejected|sender verify failed|callback .{0,20}failed",
            r"sender (?:is )?(?:denied|blocked|rejected)",
            r"(?:sender|from|mail from) (?:e-?mail )?(?:address|domain) .{0,40}(?:not exist|invalid|unknown|not found)",
        ),
    ),
    (
        "disabled",
        _any(
            rf"{_WHO} .{{0,80}}(?:is |has been |was )?(?:currently |temporarily |permanently )?"
            r"(?:disabled|suspended|deactivated|inactive|not active|locked|closed|discontinued|frozen|expired)\b",
            r"(?:disabled|suspended|inactive|deactivated|locked|expired) (?:user|recipient|mailbox|account|address)",
            rf"{_WHO} .{{0,60}}(?:no longer|not) (?:accepting|receiving|accepts?) (?:any )?(?:mail|messages)",
            r"mailbox is (?:disabled|blocked)",
            r"(?:account|mailbox) (?:temporarily )?unavailable due to inactivity",
        ),
    ),
    (
        "no-mailbox",
        _any(
            r"no such (?:user|mailbox|recipient|person|account|address|local user)",
            rf"(?:unknown|invalid|bad|nonexistent|non-existent|undeliverable|unrouteable|unroutable|illegal) "
            rf"(?:local |virtual |destination |e-?mail |mail )?(?:{_WHO}|local[- ]part)\b(?! (?:domain|sender))",
            rf"{_WHO}\S? .{{0,100}}"
            r"(?:unknown|not found|(?:does|did) not exist|doesn'?t exist|not exist|not known|not listed)",
            r"(?:does not|doesn't) have an? \S{0,40} ?account",
            r"recipientnotfound|resolver\.adr\.(?:recip|exrecip)",
            r"recipient (?:address )?rejected: access denied",
            r"recipient (?:address )?rejected: (?:undeliverable|unverified|user)",
            r"recipient not found",
            r"requested action not taken:? mailbox (?:unavailable|not found)",
            r"mailbox (?:unavailable|not available|not found)",
            r"not a (?:valid|known) (?:user|mailbox|recipient|address|account)",
            r"no mailbox (?:here )?(?:by|with) that name",
            r"(?:there is )?no (?:one|body|user|mailbox) (?:here )?(?:by|with|of) that name",
            r"(?:user|recipient|mailbox|address) not (?:recognized|valid|here|local)",
            r"(?:address|user|recipient) (?:lookup|verification|verify) fail",
            r"is not a known user|user unknown|unknown user|unknown recipient|addressee unknown",
            r"has no mailbox|not our customer|no longer (?:works|employed|with us|valid|on server|available)",
            r"empf(?:ä|ae)nger(?:adresse)? .{0,40}(?:unbekannt|existiert nicht)",
        ),
    ),
    (
        "content",
        _any(
            r"\bvirus(?:es)?\b|malware|infected|trojan|phish",
            r"potential security issue",
            r"(?:attachment|file ?type|file extension|executable) .{0,60}"
            r"(?:not (?:allowed|accepted|permitted)|blocked|prohibited|banned|rejected)",
            r"(?:banned|blocked|prohibited|forbidden) (?:attachment|file|content)",
            r"(?:header|content|format) .{0,40}(?:malformed|syntax|invalid|rfc ?5322|rfc ?822|non-compliant)",
            r"not (?:rfc|compliant)",
            r"multiple from (?:addresses|headers)|messages missing a valid|from: header .{0,30}(?:missing|invalid)",
        ),
    ),
    (
        "spam",
        _any(
            r"\bspam\b|spammy|\bjunk mail\b",
            r"unsolicited|\bube\b|\buce\b",
            r"bulk mail",
            r"content (?:rejected|filter|blocked|restriction)",
            r"(?:message|mail|content) .{0,40}(?:looks like|classified as|considered|identified as|detected as)",
            r"high (?:spam )?(?:score|probability)",
        ),
    ),
    (
        "dns",
        _any(
            r"(?:domain|host|mx|name server|nameserver) .{0,60}(?:not found|does not exist|nxdomain|no such)",
            r"null ?mx",
            r"nxdomain|servfail",
            r"(?:name|domain|host name|hostname) (?:or service )?(?:lookup|resolution|not known|service error)",
            r"does not accept (?:any )?(?:e-?)?mail",
            r"no (?:mx|mail) (?:host|server|record|exchanger)",
            r"unrouteable (?:domain|mail domain)|all relevant mx records point to non-existent",
        ),
    ),
    (
        "unreachable",
        _any(
            r"connection (?:timed out|refused|reset|lost|closed|dropped)",
            r"timed? ?out\b",
            r"no route to host|network (?:is )?unreachable|host (?:is )?(?:down|unreachable)",
            r"could ?n[o']t connect|cannot connect|unable to connect",
            r"retry timeout exceeded|all hosts .{0,40}(?:failing|unavailable)",
        ),
    ),
    (
        "policy",
        _any(
            r"polic(?:y|ies)",
            r"administrative(?:ly)? prohibit",
            r"access denied|not authori[sz]ed|prohibited|not permitted|permission denied|restricted",
        ),
    ),
)
"""Rules in order, each a word of ``cause.Cause``."""
