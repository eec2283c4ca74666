"""What happened, as plain records: the simulation writes them, the server and the truth read them.

Instants are epoch seconds. Nothing here knows how a source words it or what a promise is.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Comment:
    id: int
    author_id: int
    is_public: bool
    text: str
    channel_message_id: str | None = None  # the id on X of the same message
    merge_of: tuple[int, ...] = ()  # a note of a merge: the other tickets
    says_merge_by_via: bool = False  # and its `via` names them


@dataclass(frozen=True, slots=True)
class Change:
    """A field of the ticket set to a value; `was` is meaningless in the first audit."""

    name: str  # status, priority, group_id, assignee_id
    value: int | str | None
    was: int | str | None
    by_rule: bool = False


@dataclass(frozen=True, slots=True)
class Audit:
    """One update of a ticket: all of it happens together."""

    id: int
    at: int
    updater_id: int
    changes: tuple[Change, ...]
    comment: Comment | None


@dataclass(slots=True)
class Ticket:
    id: int
    created_at: int
    via: str  # email web chat twitter voice api
    brand_id: int
    topic: str  # '' for none
    kind: str  # question, incident, problem, task
    subject: str
    requester_id: int
    submitter_id: int
    person: int  # number of the true customer
    organization_id: int | None
    tier: str | None
    audits: list[Audit] = field(default_factory=list)
    touches: list[int] = field(default_factory=list)  # exported anew without a change
    spam_from: int | None = None
    deleted_at: int | None = None
    scrubbed_at: int | None = None
    lost: tuple[int, int] | None = None  # when it was deleted by mistake, and when it came back
    merged_at: int | None = None
    merged_into: int | None = None  # id of a ticket
    conversation: tuple[str, str] | None = None  # (conversation id, X id of the customer)
    author_persons: dict[int, int] = field(default_factory=dict)  # user id -> person number

    def gone_since(self, present: int) -> int | None:
        """When it was deleted, where it is at the present."""
        if self.deleted_at is not None and self.deleted_at < present:
            return self.deleted_at
        if self.lost is not None and self.lost[0] < present <= self.lost[1]:
            return self.lost[0]
        return None


@dataclass(frozen=True, slots=True)
class Version:
    id: str
    at: int
    text: str


@dataclass(slots=True)
class Post:
    """One post on X, edits included."""

    versions: tuple[Version, ...]
    author_id: str
    conversation_id: str
    person: int | None  # number of the true customer who wrote it; None: one of our accounts
    is_seen: bool  # of ours or mentioning us; else seen only where such a post refers to it
    mentions: tuple[str, ...] = ()  # our accounts that it mentions
    replied_to: str | None = None  # id of the version that stood then
    quoted: str | None = None
    in_reply_to_user_id: str | None = None
    answers: str | None = None  # own posts: X id of the customer whom it answers
    answers_person: int | None = None
    is_gone: bool = False  # taken down by its author: nobody can read it any more
    brand: str = ""

    @property
    def id(self) -> str:
        return self.versions[0].id

    @property
    def at(self) -> int:
        return self.versions[0].at


@dataclass(slots=True)
class Day:
    """What was born on one day, with all its later life."""

    number: int
    tickets: list[Ticket] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Said:
    at: int
    score: str  # the help desk's words: offered, good, bad
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """What came of asking how a ticket went: the question, the answer, another answer."""

    id: int
    said: tuple[Said, ...]
