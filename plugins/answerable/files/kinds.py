"""What the rows of an export can be, and what each of our fields holds."""

from dataclasses import dataclass
from typing import Literal

Type = Literal["text", "instant", "integer", "seconds", "number", "boolean"]

STATUSES = frozenset({"new", "open", "pending", "hold", "solved", "closed", "deleted"})
CHANNELS = frozenset(
    {
        "x",
        "facebook",
        "instagram",
        "mastodon",
        "email",
        "web_form",
        "chat",
        "voice",
        "review",
        "in_person",
        "other",
    }
)

# of a case, those that a history of changed fields can tell of
FIELDS = frozenset({"status", "priority", "department", "team", "agent_id"})


@dataclass(frozen=True, slots=True)
class Meaning:
    """What values a field takes. `one_of` is empty where any text will do; whole numbers go from
    -`largest` to `largest`, which is what their column holds."""

    type: Type = "text"
    one_of: frozenset[str] = frozenset()
    is_required: bool = False
    largest: int = 2**31 - 1


_text = Meaning()
_id = Meaning(is_required=True)
_instant = Meaning("instant")
_start = Meaning("instant", is_required=True)
_integer = Meaning("integer")
_order = Meaning("integer", largest=2**53)
_seconds = Meaning("seconds")
_number = Meaning("number")
_status = Meaning(one_of=STATUSES)
_channel = Meaning(one_of=CHANNELS)
_outcome = Meaning(one_of=frozenset({"met", "breached", "running"}))

# numbers by which a customer may be known in several exports; `number_system` says whose they are
_numbers = {"account_number": _text, "order_number": _text, "number_system": _text}

KINDS: dict[str, dict[str, Meaning]] = {
    "interactions": {
        "interaction_id": _id,
        "occurred_at": _start,
        # where it is not said, people that `users` of the source know as ours write outbound
        "direction": Meaning(one_of=frozenset({"inbound", "outbound"})),
        "channel": _channel,
        "channel_raw": _text,
        "visibility": Meaning(one_of=frozenset({"public", "private"})),
        "author_id": _text,
        "author_name": _text,
        "agent_id": _text,
        "agent_name": _text,
        "brand": _text,
        "in_reply_to_id": _text,
        "conversation_id": _text,
        "case_id": _text,
        "text": _text,
        "is_bot": Meaning("boolean"),
        "is_deleted": Meaning("boolean"),
        "language": _text,
        "purpose": Meaning(
            one_of=frozenset({"publishing", "service", "lead", "complaint", "other"})
        ),
    },
    "cases": {
        "case_id": _id,
        "opened_at": _start,
        "due_at": _instant,
        "closed_at": _instant,
        "resolved_at": _instant,
        "status": _status,
        "priority": _text,
        "channel": _channel,
        "channel_raw": _text,
        "brand": _text,
        "department": _text,
        "team": _text,
        "agent_id": _text,
        "topic": _text,
        "customer_id": _text,
        "customer_name": _text,
        "subject": _text,
        "source_verdict": _text,
        "source_outcome": _outcome,  # the same, in our words
        "reopen_count": _integer,
        "source_handoff_count": _integer,
    },
    "case_events": {
        "case_id": _id,
        "event_at": _start,
        "sequence": _order,  # the file's own order where nothing is mapped to it
        "status": _status,
        "status_raw": _text,
        "priority": _text,
        "channel": _channel,
        "channel_raw": _text,
        "brand": _text,
        "department": _text,
        "team": _text,
        "agent_id": _text,
        "topic": _text,
        "customer_id": _text,
        "opened_at": _instant,
        "resolved_at": _instant,
        "closed_at": _instant,
        "source_verdict": _text,
        "source_outcome": _outcome,  # the same, in our words
        "source_handoff_count": _integer,
        "reopen_count": _integer,
    },
    # a case's history, one row per changed field: what the row does not name has not changed
    "field_changes": {
        "case_id": _id,
        "changed_at": _start,
        "sequence": _order,  # the file's own order where nothing is mapped to it
        "field": Meaning(one_of=FIELDS | {"other"}, is_required=True),
        "field_raw": _text,
        "old": _text,
        "new": _text,
    },
    "users": {
        "user_id": _id,
        "created_at": _start,
        "name": _text,
        "role": Meaning(one_of=frozenset({"customer", "agent", "bot"})),
        "email": _text,
        "phone": _text,
        "x_handle": _text,
        **_numbers,
    },
    "calls": {
        "call_id": _id,
        "started_at": _start,
        # where it is not said, a customer called us
        "direction": Meaning(one_of=frozenset({"inbound", "outbound"})),
        "callback_of_id": _text,  # of an outbound call: the call that it answers
        "customer_id": _text,
        "email": _text,
        "phone": _text,
        **_numbers,
        "queue": _text,
        "agent_id": _text,
        "outcome": Meaning(one_of=frozenset({"answered", "abandoned", "other"}), is_required=True),
        "outcome_raw": _text,
        "wait_seconds": _seconds,
        "ivr_seconds": _seconds,
        "queue_entered_at": _instant,
        "answered_at": _instant,
        "ended_at": _instant,
        "talk_seconds": _seconds,
        "priority": _text,
        "brand": _text,
    },
    "ratings": {
        "rating_id": _id,
        "rated_at": _start,
        "verdict": Meaning(one_of=frozenset({"good", "neutral", "bad"})),
        "score": _number,
        "worst_score": _number,
        "best_score": _number,
        "score_raw": _text,
        "case_id": _text,
        "customer_id": _text,
        "email": _text,
        **_numbers,
        "agent_id": _text,
        "channel": _channel,
        "brand": _text,
        "reason": _text,
        "comment": _text,
    },
    # one row per sale with an instant for each step, or one per step with status and status_at
    "sales": {
        "sale_id": _id,
        "found_at": _instant,
        "qualified_at": _instant,
        "won_at": _instant,
        "lost_at": _instant,
        "status": Meaning(one_of=frozenset({"found", "qualified", "won", "lost"})),
        "status_at": _instant,
        "amount": _number,
        "currency": _text,
        "customer_id": _text,
        "email": _text,
        "phone": _text,
        "x_handle": _text,
        **_numbers,
        "case_id": _text,
        "agent_id": _text,
        "team": _text,
        "channel": _channel,
        "channel_raw": _text,
        "brand": _text,
        "product": _text,
        "lost_reason": _text,
    },
}

# of these fields a description reads at least one, and a row has at least one
ANY_OF: dict[str, tuple[str, ...]] = {
    "interactions": ("direction", "author_id"),
    "ratings": ("verdict", "score"),
    "sales": ("found_at", "qualified_at", "won_at", "lost_at", "status_at"),
}
# these come together or not at all
TOGETHER: dict[str, tuple[str, ...]] = {"sales": ("status", "status_at")}
