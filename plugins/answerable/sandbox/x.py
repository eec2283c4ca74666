"""X's API v2 over a world: timelines of our accounts, a search, look-ups by id; newest first."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from .company import ACCOUNT_BY_ID, ACCOUNTS, DAY, HISTORY_START, at, iso, person
from .history import World
from .records import Post
from .words import tokens
from .zendesk import Refused

Json = dict[str, Any]

MENTIONS_CAP, POSTS_CAP = 800, 3_200
SEARCH_DAYS = 7
OUT_OF_CREDITS = {
    "title": "CreditsDepleted",
    "detail": "Your enrolled account does not have any credits to fulfill this request.",
    "type": "https://api.twitter.com/2/problems/credits",
}
USAGE_CAPPED = {  # comes with 429
    "title": "UsageCapExceeded",
    "period": "Monthly",
    "scope": "Product",
    "detail": "Usage cap exceeded: Monthly product cap",
    "type": "https://api.twitter.com/2/problems/usage-capped",
}
SEARCH_STARTS = "must be a post or a time of the last 7 days"
_ALWAYS = ("id", "text", "edit_history_tweet_ids")
_TWEET_FIELDS = (
    *_ALWAYS,
    "author_id",
    "conversation_id",
    "created_at",
    "in_reply_to_user_id",
    "referenced_tweets",
    "lang",
    "public_metrics",
    "entities",
    "edit_controls",
    "possibly_sensitive",
    "reply_settings",
    "source",
    "attachments",
    "geo",
    "context_annotations",
    "note_tweet",
    "withheld",
    "card_uri",
    "community_id",
    "display_text_range",
    "media_metadata",
    "non_public_metrics",
    "organic_metrics",
    "promoted_metrics",
    "suggested_source_links",
    "article",
    "scopes",
)


class XView:
    """What X shows at a present. `is_capped`: only the newest posts, as many or old as X does."""

    def __init__(self, world: World, present: int, *, is_capped: bool = False) -> None:
        self.world = world
        self.present = present
        self.is_capped = is_capped

    @cached_property
    def _born(self) -> list[Post]:
        return [
            post
            for day in self.world.days_before(self.present)
            for post in day.posts
            if post.at < self.present and not post.is_gone
        ]

    @cached_property
    def by_id(self) -> dict[str, Post]:
        """Every post by the id of each of its versions."""
        return {
            version.id: post
            for post in self._born
            for version in post.versions
            if version.at < self.present
        }

    @cached_property
    def mentions(self) -> dict[str, list[tuple[int, Post]]]:
        return {
            account.id: self._newest_first(
                (post for post in self._born if post.is_seen and account.id in post.mentions),
                MENTIONS_CAP,
            )
            for account in ACCOUNTS
        }

    @cached_property
    def posts(self) -> dict[str, list[tuple[int, Post]]]:
        return {
            account.id: self._newest_first(
                (post for post in self._born if post.author_id == account.id), POSTS_CAP
            )
            for account in ACCOUNTS
        }

    def found(self, query: str) -> list[tuple[int, Post]]:
        """What a search finds. Raises ValueError where the query makes no sense."""
        matches = _query(query)
        found = self._newest_first((post for post in self._born if matches(self, post)), 0)
        if not self.is_capped:
            return found
        since = self.present - SEARCH_DAYS * DAY
        return [one for one in found if one[1].versions[-1].at >= since]

    def _newest_first(self, posts: Iterable[Post], cap: int) -> list[tuple[int, Post]]:
        found = sorted(((int(self.newest(post)), post) for post in posts), key=lambda one: -one[0])
        return found[:cap] if self.is_capped and cap else found

    def newest(self, post: Post) -> str:
        """The id of the post's newest version at the present."""
        return [one.id for one in post.versions if one.at < self.present][-1]

    def tweet(self, post: Post) -> Json:
        shown = [one for one in post.versions if one.at < self.present]
        newest = shown[-1]
        found: Json = {
            "id": newest.id,
            "text": newest.text,
            "edit_history_tweet_ids": [one.id for one in shown],
            "author_id": post.author_id,
            "conversation_id": post.conversation_id,
            "created_at": _milliseconds(newest.at),
            "lang": "de" if "Bitte" in newest.text else "en",
            "public_metrics": self._numbers(post),
            "edit_controls": {
                "edits_remaining": 6 - len(shown),
                "is_edit_eligible": True,
                "editable_until": _milliseconds(post.at + 1_800),
            },
            "possibly_sensitive": False,
            "reply_settings": "everyone",
        }
        if post.mentions:
            found["entities"] = {"mentions": _mentions(newest.text, post.mentions)}
        if post.in_reply_to_user_id:
            found["in_reply_to_user_id"] = post.in_reply_to_user_id
        referred = [
            {"type": kind, "id": id_}
            for kind, id_ in (("replied_to", post.replied_to), ("quoted", post.quoted))
            if id_
        ]
        if referred:
            found["referenced_tweets"] = referred
        return found

    def _numbers(self, post: Post) -> Json:
        """They grow for some days, fast at first, and go on growing a little."""
        hours = (self.present - post.at) / 3_600
        seen = int(int(post.id) % 977 * hours / (hours + 9))
        return {
            "retweet_count": seen // 130,
            "reply_count": seen // 160,
            "like_count": seen // 40,
            "quote_count": seen // 400,
            "bookmark_count": seen // 700,
            "impression_count": seen,
        }

    def user(self, post: Post) -> Json:
        weeks = (self.present - HISTORY_START) // (7 * DAY)
        if post.person is None:
            account = ACCOUNT_BY_ID[post.author_id]
            return _user(account.id, account.name, account.handle, 2_000, 2_000 + 20 * weeks)
        who = person(self.world.seed, self.world.size, post.person)
        age = who.number % 700
        return _user(who.x_id or "", who.name, who.x_handle or "", age, age + weeks)


def answer(view: XView, path: str, query: Mapping[str, str]) -> Json:
    """The body for a path. Raises Refused where X answers with an error."""
    match path.strip("/").split("/"):
        case ["2", "users", id_, "mentions"]:
            return _timeline(view, view.mentions, id_, query)
        case ["2", "users", id_, "tweets"]:
            return _timeline(view, view.posts, id_, query)
        case ["2", "tweets", "search", "recent"]:
            return _search(view, query)
        case ["2", "tweets"]:
            return _lookup(view, query)
    raise Refused(404, {"title": "Not Found", "type": "about:blank", "status": 404})


def resources(body: Json) -> set[str]:
    """What an answer is charged for."""
    included = body.get("includes", {})
    posts = [*body.get("data", ()), *included.get("tweets", ())]
    return {f"post:{one['id']}" for one in posts} | {
        f"user:{one['id']}" for one in included.get("users", ())
    }


def _timeline(
    view: XView, lists: dict[str, list[tuple[int, Post]]], id_: str, query: Mapping[str, str]
) -> Json:
    if id_ not in lists:
        return {"errors": [_missing("user", "id", id_)]}
    return _page(view, lists[id_], query, least=5, token="pagination_token")


def _search(view: XView, query: Mapping[str, str]) -> Json:
    if view.is_capped:
        since = view.present - SEARCH_DAYS * DAY
        for name in ("since_id", "until_id"):
            if name in query and _written_at(_integer(query, name, 0)) < since:
                raise Refused(400, _invalid(name, query, SEARCH_STARTS))
        start = _time(query, "start_time")
        if start is not None and start < since:
            raise Refused(400, _invalid("start_time", query, SEARCH_STARTS))
    try:
        found = view.found(query.get("query", ""))
    except ValueError as error:
        raise Refused(400, _invalid("query", query, str(error))) from error
    token = "next_token" if "next_token" in query else "pagination_token"
    return _page(view, found, query, least=10, token=token)


def _page(
    view: XView, posts: list[tuple[int, Post]], query: Mapping[str, str], least: int, token: str
) -> Json:
    size = _integer(query, "max_results", 10)
    if not least <= size <= 100:
        raise Refused(400, _invalid("max_results", query, f"must be between {least} and 100"))
    since = _integer(query, "since_id", 0)
    until = _integer(query, "until_id", 0)
    start, end = _time(query, "start_time"), _time(query, "end_time")
    below = 0
    if token in query:
        try:
            below = int(query[token].removeprefix("7140w"), 36)
        except ValueError as error:
            raise Refused(400, _invalid(token, query, "is not valid")) from error
    left = [
        (number, post)
        for number, post in posts
        if number > since
        and (not until or number < until)
        and (not below or number < below)
        and (start is None or post.versions[-1].at >= start)
        and (end is None or post.at < end)
    ]
    if left and left[0][0] // 4_096 % 5 == 0 and size > 10:
        size -= size // 3  # a short page is not the last
    page = left[:size]
    if not page:
        return {"meta": {"result_count": 0}}
    body = _bodies(view, [post for _, post in page], query)
    body["meta"] = {
        "result_count": len(page),
        "newest_id": str(page[0][0]),
        "oldest_id": str(page[-1][0]),
    }
    if len(left) > len(page):
        body["meta"]["next_token"] = "7140w" + _base36(page[-1][0])
    return body


def _lookup(view: XView, query: Mapping[str, str]) -> Json:
    ids = [one for one in query.get("ids", "").split(",") if one]
    if not 1 <= len(ids) <= 100:
        raise Refused(400, _invalid("ids", query, "takes 1 to 100 ids"))
    found: list[Post] = []
    errors = []
    for id_ in ids:
        post = view.by_id.get(id_)
        if post is None:
            errors.append(_missing("tweet", "ids", id_))
        elif post not in found:
            found.append(post)
    body = _bodies(view, found, query) if found else {}
    return body | ({"errors": errors} if errors else {})


def _bodies(view: XView, posts: list[Post], query: Mapping[str, str]) -> Json:
    """`data` and `includes`, with the fields that were asked for."""
    fields = {*_ALWAYS, *_asked(query, "tweet.fields")}
    unknown = fields - {*_TWEET_FIELDS}
    if unknown:
        raise Refused(400, _invalid("tweet.fields", query, f"does not know {sorted(unknown)}"))
    expansions = _asked(query, "expansions")
    if "author_id" in expansions:
        fields.add("author_id")
    if "referenced_tweets.id" in expansions:
        fields.add("referenced_tweets")
    tweets = [view.tweet(post) for post in posts]
    body: Json = {"data": [_only(tweet, fields) for tweet in tweets]}
    includes: Json = {}
    if "author_id" in expansions:
        users = {post.author_id: view.user(post) for post in posts}
        wanted = {"id", "name", "username", *_asked(query, "user.fields")}
        includes["users"] = [_only(user, wanted) for user in users.values()]
    if "referenced_tweets.id" in expansions:
        referred = {
            one["id"]: view.by_id[one["id"]]
            for tweet in tweets
            for one in tweet.get("referenced_tweets", ())
            if one["id"] in view.by_id
        }
        if referred:
            includes["tweets"] = [_only(view.tweet(post), fields) for post in referred.values()]
    if includes:
        body["includes"] = includes
    return body


def _asked(query: Mapping[str, str], name: str) -> set[str]:
    return {one for one in query.get(name, "").split(",") if one}


def _only(record: Json, fields: set[str]) -> Json:
    return {name: value for name, value in record.items() if name in fields}


def _integer(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError as error:
        raise Refused(400, _invalid(name, query, "is not a number")) from error


def _time(query: Mapping[str, str], name: str) -> int | None:
    if name not in query:
        return None
    try:
        datetime.fromisoformat(query[name])
    except ValueError as error:
        raise Refused(400, _invalid(name, query, "is not a time")) from error
    return at(query[name].removesuffix("Z"))


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits


def _milliseconds(instant: int) -> str:
    return iso(instant).removesuffix("Z") + ".000Z"


def _mentions(text: str, ids: tuple[str, ...]) -> list[Json]:
    found = []
    for id_ in ids:
        handle = ACCOUNT_BY_ID[id_].handle
        start = text.find(f"@{handle} ")
        found.append(
            {"start": start, "end": start + len(handle) + 1, "username": handle, "id": id_}
        )
    return found


def _user(id_: str, name: str, handle: str, age: int, followers: int) -> Json:
    return {
        "id": id_,
        "name": name,
        "username": handle,
        "created_at": _milliseconds(at("2019-01-01") + age * 86_400),
        "verified": False,
        "protected": False,
        "description": "",
        "location": "Nowhere",
        "public_metrics": {
            "followers_count": followers,
            "following_count": 10,
            "tweet_count": age,
            "listed_count": 0,
        },
    }


def _missing(kind: str, parameter: str, id_: str) -> Json:
    return {
        "value": id_,
        "detail": f"Could not find {kind} with {parameter}: [{id_}].",
        "title": "Not Found Error",
        "resource_type": kind,
        "parameter": parameter,
        "resource_id": id_,
        "type": "https://api.twitter.com/2/problems/resource-not-found",
    }


def _invalid(name: str, query: Mapping[str, str], why: str) -> Json:
    return {
        "errors": [{"parameters": {name: [query.get(name, "")]}, "message": f"`{name}` {why}"}],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": "https://api.twitter.com/2/problems/invalid-request",
    }


def _written_at(post_id: int) -> int:
    return ((post_id >> 22) + 1_288_834_974_657) // 1_000


Matches = Callable[[XView, Post], bool]
_TERM = re.compile(r'\s*(\(|\)|-?"[^"]+"|-?[^\s()"]+|-)')


def _query(text: str) -> Matches:
    """The part of X's query language that the sandbox knows: words, "phrases", OR, brackets, -,
    from:, @handle, is:retweet. Raises ValueError."""
    terms, at = [], 0
    while text[at:].strip():
        match = _TERM.match(text, at)
        if match is None:
            raise ValueError("has a quotation mark without another")
        terms.append(match[1])
        at = match.end()

    def either() -> Matches:
        one = all_of()
        while terms and terms[0] == "OR":
            terms.pop(0)
            one = _either(one, all_of())
        return one

    def all_of() -> Matches:
        found = []
        while terms and terms[0] not in (")", "OR"):
            found.append(single(terms.pop(0)))
        if not found:
            raise ValueError("has nothing where a word should be")
        return lambda view, post: all(one(view, post) for one in found)

    def single(term: str) -> Matches:
        if term == "(":
            one = either()
            if not terms or terms.pop(0) != ")":
                raise ValueError("has a bracket that is not closed")
            return one
        if term == "-" or term == ")":
            if term == "-" and terms and terms[0] == "(":
                return _not(single(terms.pop(0)))
            raise ValueError(f"has {term} in an odd place")
        return _not(_term(term[1:])) if term.startswith("-") else _term(term)

    matches = either()
    if terms:
        raise ValueError("has a bracket too many")
    return matches


def _either(one: Matches, other: Matches) -> Matches:
    return lambda view, post: one(view, post) or other(view, post)


def _not(one: Matches) -> Matches:
    return lambda view, post: not one(view, post)


def _term(term: str) -> Matches:
    operator, colon, value = term.lower().partition(":")
    if colon and operator == "from":
        return lambda view, post: view.user(post)["username"].lower() == value
    if colon and (operator, value) == ("is", "retweet"):
        return lambda view, post: False
    if colon:
        raise ValueError(f"has the operator {operator}:, which is not known here")
    if term.startswith('"'):
        phrase = term.strip('"').lower()
        return lambda view, post: phrase in _shown(view, post).lower()
    return lambda view, post: term.lower() in tokens(_shown(view, post))


def _shown(view: XView, post: Post) -> str:
    return [one.text for one in post.versions if one.at < view.present][-1]
