"""What the sandbox's people write: short texts made from parts, some of them nasty on purpose."""

import re
from random import Random

TOPICS = ("billing", "delivery", "technical", "complaint", "sales", "press", "feedback")

_SUBJECTS = {
    "billing": ("Charged twice", "Invoice {order}", "Refund outstanding", "Direct debit question"),
    "delivery": ("Where is order {order}?", "Parcel arrived open", "Delivery to a neighbour"),
    "technical": ("App closes by itself", "Cannot log in", "Kettle will not pair", "Error E-17"),
    "complaint": ("Complaint about {order}", "Nobody answers", "Very disappointed", "Third time!"),
    "sales": ("Offer for 40 pieces", "Do you ship to Norway?", "Upgrade before it ends"),
    "press": ("Interview request", "Figures for our article", "Photo rights"),
    "feedback": ("An idea for the lid", "Please bring back blue", "Praise for the team"),
    "": ("Question", "Hello", "Re: Re: your message", "(no subject)"),
}
_OPENERS = {
    "billing": "I was charged twice for order {order}, please put that right.",
    "delivery": "My parcel {order} was to arrive on Tuesday and it has not.",
    "technical": "Since the update the {brand} app closes whenever I open the timer.",
    "complaint": "This is the third time that I write about {order}. I am not pleased.",
    "sales": "We think of ordering forty of the large ones. What would that cost?",
    "press": "I write for an invented newspaper and would like to ask three questions.",
    "feedback": "Could the next {brand} have a lid that closes with one hand?",
    "": "I have a question about something I bought from you.",
}
_MORE = (
    "You can reach me at {mail}.",
    "My number is {phone}, after five please.",
    "The order number is {order}.",
    "Thank you 🙂",
    "Bitte auf Deutsch, wenn es geht. Schöne Grüße!",
    "I have attached a picture.",
    "Is anybody there? 🤷‍♀️",
    "",
    "",
    "",
)
_HOSTILE = (
    "<script>alert('{order}')</script>",
    '<img src=x onerror="alert(1)"> <b>not bold</b>',
    "{{{{ticket.requester.name}}}} {{% raw %}} ${{jndi:none}}",
    '=HYPERLINK("http://198.51.100.7/","free kettle")',
    "'; drop table interactions; --",
    "right to left \u202egnirts desrever\u202c and e\u0301\u0302\u0303\u0304\u0305",
    "back\\slash \\. \t tab, \u201cquotes\u201d, a line\nand another",
    "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁷󠁬󠁳󠁿 \U0001d576\U0001d58a\U0001d599\U0001d599\U0001d591\U0001d58a 😡😡😡",
    "+44 is no formula, nor is -1 or @sum(a1)",
)
_REPLIES = (
    "Hello, thank you for writing. I am looking into it now.",
    "I am sorry to hear that. Could you tell me the order number, please?",
    "I have asked the warehouse about {order} and come back to you today.",
    "Good news: {order} is on its way and should arrive tomorrow.",
    "We have refunded the amount; your bank may need three days.",
    "Please hold the button for ten seconds and try again.",
    "That is settled now. Is there anything else that I can do?",
    "I pass this on to a colleague who knows more about it.",
)
_BACK = (
    "The order number is {order}.",
    "That did not help, it still does not work.",
    "Thank you, that worked!",
    "When will I hear from you?",
    "I answered that already last week ...",
    "Great, thanks a lot 👍",
    "My address is {mail} if you need it.",
)
_NOTES = (
    "Customer called before, see order {order}.",
    "Not ours, passing on.",
    "Warehouse says Thursday.",
    "Asked second line.",
    "Careful, follows us on X.",
)
_PUBLISHING = (
    "New in the shop: the {brand} lantern. Lit by absolutely nothing.",
    "Our Friday tip: descale before you complain 😉",
    "Behind the scenes of an entirely imaginary warehouse 🧵",
    "We are open on Saturdays again. Details on our page.",
    "What colour should the next {brand} have?",
    "Thank you for 10,000 invented followers!",
)
_PRAISE = ("Love my new {brand}!", "{brand} kettles are better than they need to be.")
_GRUMBLES = (
    "Three weeks, and still nothing from {brand}. Never again.",
    "Does anybody at {brand} ever pick up the telephone?",
    "My {brand} kettle leaks. Second one in a year.",
    "{brand}: charged me twice, answered never.",
    "Thinking of sending my {brand} order {order} back to where it came from",
    "So the {brand} app is down again. Third evening in a row.",
)
_NAMED = ("tidewell", "bramblebox", "nookly")
_ACK = "Thank you for your message. This is an automatic answer: a person will read it soon."


def _fill(text: str, rng: Random, brand: str, mail: str, phone: str | None = None) -> str:
    anybody_s = f"07700 900{rng.randrange(1000):03d}"  # what Ofcom keeps free for fiction
    phone = phone or anybody_s
    order = f"TW-{rng.randrange(100000, 999999)}"
    return text.format(order=order, brand=brand, mail=mail, phone=phone)


def subject(rng: Random, topic: str, brand: str) -> str:
    return _fill(rng.choice(_SUBJECTS[topic]), rng, brand, "")


def opener(rng: Random, topic: str, brand: str, mail: str, phone: str | None = None) -> str:
    """What somebody writes first; `phone` is their own number, should they give it."""
    parts = [_OPENERS[topic], rng.choice(_MORE)]
    if rng.random() < 0.04:
        parts.append(rng.choice(_HOSTILE))
    text = _fill(" ".join(part for part in parts if part), rng, brand, mail, phone)
    if rng.random() < 0.002:
        text += rng.choice(("\x00 end", " half an emoji \ud83d", "\ufffe"))
    return text


def reply(rng: Random, brand: str) -> str:
    return _fill(rng.choice(_REPLIES), rng, brand, "")


def answer_back(rng: Random, brand: str, mail: str) -> str:
    return _fill(rng.choice(_BACK), rng, brand, mail)


def note(rng: Random) -> str:
    return _fill(rng.choice(_NOTES), rng, "", "")


def publishing(rng: Random, brand: str) -> str:
    return _fill(rng.choice(_PUBLISHING), rng, brand, "")


def praise(rng: Random, brand: str) -> str:
    return _fill(rng.choice(_PRAISE), rng, brand, "")


def acknowledgement() -> str:
    return _ACK


def grumble(rng: Random, brand: str) -> str:
    """A complaint that names a brand and addresses nobody."""
    parts = [rng.choice(_GRUMBLES), rng.choice(_MORE)]
    return _fill(" ".join(part for part in parts if part), rng, brand, "me@mail.example")


def tokens(text: str) -> set[str]:
    """The words of a post as a search sees them; a handle or a tag is a word of its own.

    >>> sorted(tokens("@Tidewell my Tidewell kettle!"))
    ['@tidewell', 'kettle', 'my', 'tidewell']
    """
    return set(re.findall(r"[@#]?\w+", text.lower()))


def brands_named(text: str) -> set[str]:
    return tokens(text) & {*_NAMED}
