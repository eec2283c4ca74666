"""What one identifier is, however a source writes it, and which ones a message gives.

Kinds that mean the same everywhere (an address, a number, a handle, a network's own id) have a key
of kind and value; all others are known by the source's name and their id in it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import phonenumbers

# the same wherever they are named; what else there is belongs to one source
EVERYWHERE = ("email", "phone", "x_handle", "x_user", "facebook_user")
# one carried by more accounts of a source is nobody's: a couple's telephone, a handle that went on
# to another account. An address is listed again by somebody's second account.
MOST_ACCOUNTS = {"phone": 1, "x_handle": 1, "x_user": 1}
MOST_ACCOUNTS_ELSE = 2

_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
_PROFILE = re.compile(r"^(?:https?://)?(?:www\.|mobile\.)?(?:x|twitter)\.com/", re.I)
_SHORTEST_NUMBER = 6  # digits after the country's; what is shorter is an extension or a service
_WINDOW = 60  # characters after the words in which a message gives its number


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier in the one way in which it is written here."""

    key: str
    kind: str
    value: str
    is_readable: bool = True  # else it may be anybody's: "anonymous", "0"


def identifier(kind: str, text: str, key: str) -> Identifier:
    """The identifier that a source writes as `text` and our models call `key`.

    >>> identifier("phone", "GB (020) 7946 0123", "").key
    'phone:+442079460123'
    >>> identifier("email", "Cora <Cora+Shop@Mail.example>", "").key
    'email:cora+shop@mail.example'
    >>> identifier("help_desk_user", "380", "zendesk:user:380").key
    'zendesk:user:380'
    """
    if kind == "phone":
        number = phone(text)
        return Identifier(f"phone:{number or text}", kind, number or text, number is not None)
    if kind == "email":
        address = email(text)
        return Identifier(f"email:{address}", kind, address, "@" in address)
    if kind == "x_handle":
        name = handle(text)
        return Identifier(f"x_handle:{name}", kind, name, bool(name))
    if kind in EVERYWHERE:
        return Identifier(f"{kind}:{text}", kind, text)
    return Identifier(key, kind, text)


def phone(text: str, region: str | None = None) -> str | None:
    """A number as E.164, with its extension where it has one; None where it cannot be read.

    A number without a country's code is read in `region`, or in the one that stands before it.

    >>> phone("+44 (0)20 7946-0123"), phone("GB 02079460123"), phone("02079460123")
    ('+442079460123', '+442079460123', None)
    >>> phone("+44 20 7946 0123 ext 5"), phone("GB anonymous"), phone("GB 112")
    ('+442079460123;ext=5', None, None)
    """
    if text[2:3] == " " and text[:2].isalpha() and text[:2].isupper():
        region, text = text[:2], text[3:]
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if len(str(number.national_number)) < _SHORTEST_NUMBER:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    told = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{told};ext={number.extension}" if number.extension else told


def email(text: str) -> str:
    """An address in lower case, without the name around it. What stands after a plus stays: two
    addresses that arrive in one mailbox need not be one person's to give.

    >>> email(" mailto:Cora.Imagina@MAIL.example ")
    'cora.imagina@mail.example'
    """
    text = text.strip()
    if text.endswith(">") and "<" in text:
        text = text[text.rindex("<") + 1 : -1]
    text = text.removeprefix("mailto:").strip().rstrip(".").lower()
    local, at, domain = text.rpartition("@")
    if at and not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return text
    return f"{local}{at}{domain}"


def handle(text: str) -> str:
    """
    >>> handle("@Cora_Imagina"), handle("https://x.com/Cora_Imagina?s=20")
    ('cora_imagina', 'cora_imagina')
    """
    return _PROFILE.sub("", text.strip()).partition("?")[0].strip("/@ ").lower()


def given(text: str, phrases: Sequence[str], region: str | None) -> Iterator[tuple[str, str]]:
    """(kind, value) of what a message gives as its writer's own, right after one of the phrases.

    >>> said = "My number is 020 7946 0123, or reach me at Cora@mail.example. Not +44 20 7946 0999!"
    >>> list(given(said, ["my number is", "reach me at"], "GB"))
    [('phone', '+442079460123'), ('email', 'cora@mail.example')]
    """
    lower = text.lower()
    for phrase in phrases:
        at = lower.find(phrase)
        while at >= 0:
            rest = lower[at + len(phrase) : at + len(phrase) + _WINDOW].lstrip(" :\t\n")
            if address := _EMAIL.match(rest):
                yield "email", email(address[0])
            elif rest[:1] in "+(0123456789" and rest:
                for match in phonenumbers.PhoneNumberMatcher(
                    rest, region, leniency=phonenumbers.Leniency.POSSIBLE
                ):
                    number = phone(match.raw_string, region) if match.start == 0 else None
                    if number is not None:
                        yield "phone", number
                    break
            at = lower.find(phrase, at + 1)
