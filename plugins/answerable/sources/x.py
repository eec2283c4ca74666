"""X (Twitter) API v2: what it offers, as descriptions.

Facts: timelines come newest first; the key is the first id of `edit_history_tweet_ids`, because
an edit is a new id; deletions appear nowhere; every post read costs money, so a post is looked
up only where neither the warehouse nor this walk has it.
"""

from answerable.sources.stream import Stream

# One stream after the other: what an earlier one brought need not be looked up for a later one,
# and looking up costs money. Limits are per endpoint, each stream its own.
AT_ONCE = 1
LIMITS: dict[str, int] = {}

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
    "deletion": "never told; a post gone since stays as it was",
    "fields": {
        "id": "post_id!",
        "edit_history_tweet_ids[]": "post_id!",
        "created_at": "instant!",
        "author_id": "id!",
        "conversation_id": "id",
        "referenced_tweets": "list",
        "referenced_tweets[].id": "id",
    },
}

STREAMS: tuple[Stream, ...] = (
    Stream(
        name="mentions",
        path="/2/users/{user_id}/mentions",
        paging="newest_first",
        cursor="per own user id the newest post id of a finished walk (since_id)",
        requests_per_minute=30,
        window="posts newer than since_id; the API reaches back 800 mentions",
        **_POST,
    ),
    Stream(
        name="posts",
        path="/2/users/{user_id}/tweets",
        paging="newest_first",
        cursor="per own user id the newest post id of a finished walk (since_id)",
        requests_per_minute=60,
        window="posts newer than since_id; the API reaches back 3,200 posts",
        # what we answer has mostly come with them, and need not be looked up
        after=("mentions",),
        **_POST,
    ),
    Stream(
        name="referenced_posts",
        path="/2/tweets",
        paging="lookup",
        cursor="none: looked up by id within the walk that names them",
        requests_per_minute=20,
        window="posts that mentions and posts of this walk point at and that we do not have",
        walked_with=("mentions", "posts"),
        **_POST,
    ),
)
