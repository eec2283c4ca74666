"""X (Twitter) API v2: what it offers, as descriptions.

Facts: lists come newest first; the key is the first id of `edit_history_tweet_ids`, because an edit
is a new id; deletions appear nowhere. Every post read costs money, its author too where it is
expanded, and the same one again on one UTC day nothing: so a post is looked up only where neither
the warehouse nor this walk has it, and what is likely to be pointed at is walked first.
"""

from answerable.sources.stream import Stream

# One stream after the other: what an earlier one brought need not be looked up for a later one,
# and looking up costs money. Limits are per endpoint, each stream its own.
AT_ONCE = 1
LIMITS: dict[str, int] = {}
# dollars a resource, as of 2026; an account's own timelines are cheaper to whoever owns the app
PRICES = {"post": "0.005", "owned_post": "0.001", "user": "0.010"}
# where access tokens are renewed, and how the request is written
TOKEN_PATH, TOKEN_FORMAT = "/2/oauth2/token", "form"

_POST = {
    "kind": "x",
    "items": "data",
    "key": "edit_history_tweet_ids[0]",
    "version_field": "edit_history_tweet_ids",
    "version": "length",
    "params": {
        "tweet.fields": "attachments,author_id,conversation_id,created_at,edit_history_tweet_ids,"
        "entities,in_reply_to_user_id,lang,public_metrics,referenced_tweets",
        "expansions": "author_id",
        "user.fields": "id,name,username,created_at,public_metrics,verified",
    },
    "page_size": 100,
    "page_size_param": "max_results",
    "deletion": "never told; a post gone since stays as it was, until it is purged by id",
    "fields": {
        "id": "post_id!",
        "edit_history_tweet_ids[]": "post_id!",
        "created_at": "instant!",
        "author_id": "id!",
        "conversation_id": "id",
        "referenced_tweets": "list",
        "referenced_tweets[].id": "id",
        "public_metrics.impression_count": "epoch",
        "public_metrics.retweet_count": "epoch",
        "public_metrics.reply_count": "epoch",
        "public_metrics.like_count": "epoch",
        "public_metrics.quote_count": "epoch",
        "_author.public_metrics.followers_count": "epoch",
    },
}
_LIST = {
    "paging": "newest_first",
    "cursor": "per list the newest post id that was read and, where a walk stopped, the ids "
    "between which it did not read; moves with every page",
}
_TIMELINE = {
    **_LIST,
    "per": "own_user_ids",
    "least_page": 5,
    "token_param": "pagination_token",
    "looks_up": "referenced_posts",
}

STREAMS: tuple[Stream, ...] = (
    Stream(
        name="mentions",
        path="/2/users/{user_id}/mentions",
        requests_per_minute=30,
        reach=800,
        window="posts newer than the newest read; the API reaches back 800 mentions, and a gap "
        "below that is recorded as a hole",
        **_TIMELINE,
        **_POST,
    ),
    Stream(
        name="search",
        path="/2/tweets/search/recent",
        requests_per_minute=30,
        reach_seconds=7 * 86_400,
        per="search",
        is_optional=True,
        least_page=10,
        token_param="next_token",
        window="posts that match a query and are newer than the newest read; the API reaches back "
        "7 days and refuses to be asked for older, which is recorded as a hole",
        **_LIST,
        **_POST,
    ),
    Stream(
        name="posts",
        path="/2/users/{user_id}/tweets",
        requests_per_minute=60,
        reach=3_200,
        window="posts newer than the newest read; the API reaches back 3,200 posts, and a gap "
        "below that is recorded as a hole",
        # what we answer has mostly come with them, and need not be looked up
        after=("mentions", "search"),
        **_TIMELINE,
        **_POST,
    ),
    Stream(
        name="refreshed_posts",
        path="/2/tweets",
        paging="refresh",
        cursor="none: the posts of the last days are looked up every night",
        requests_per_minute=20,
        per="refresh_days",
        is_optional=True,
        after=("mentions", "search", "posts"),
        window="stored posts of the last refresh_days days, newest first, for fresh numbers",
        **_POST,
    ),
    Stream(
        name="referenced_posts",
        path="/2/tweets",
        paging="lookup",
        cursor="none: looked up by id within the walk that names them",
        requests_per_minute=20,
        window="posts that mentions and posts of a walk point at and that we do not have",
        walked_with=("mentions", "posts"),
        **_POST,
    ),
)
