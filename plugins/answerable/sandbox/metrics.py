"""What the help desk notes of its own clocks: metric events of a ticket, by Zendesk's names."""

from typing import Any

from . import promises
from .company import BOT_ID, BRANDS, iso
from .records import Audit, Ticket

Json = dict[str, Any]
_NOOKLY_BRAND = next(brand.id for brand in BRANDS if brand.key == "nookly")


def metric_events(ticket: Ticket, present: int) -> list[Json]:
    """All of a ticket's before the present; ids tell nothing of the order."""
    found = [*_reply(ticket), *_wait(ticket), *_resolution(ticket), *_ownership(ticket)]
    return [
        {"id": 930_000_000_000 + ticket.id * 1_000 + number, "ticket_id": ticket.id, **event}
        | {"time": iso(at)}
        for number, (at, event) in enumerate(found)
        if at < present
    ]


Event = tuple[int, Json]


def _event(at: int, metric: str, type_: str, instance: int = 1, **more: Any) -> Event:
    return at, {"metric": metric, "instance_id": instance, "type": type_, **more}


def _statuses(ticket: Ticket) -> list[tuple[int, str]]:
    return [
        (audit.at, str(change.value))
        for audit in ticket.audits
        for change in audit.changes
        if change.name == "status"
    ]


def _solved_at(ticket: Ticket) -> int | None:
    return next((at for at, status in _statuses(ticket) if status == "solved"), None)


def _policy_of(ticket: Ticket) -> tuple[Json, Json] | None:
    """The policy that stood when the ticket was made, and its target."""
    via = "none" if ticket.via == "web" and ticket.brand_id != _NOOKLY_BRAND else ticket.via
    priority = next(
        (str(one.value) for one in ticket.audits[0].changes if one.name == "priority"), "None"
    )
    for policy in promises.sla_policies(ticket.created_at + 1):
        if policy["filter"]["all"][0]["value"] == via:
            for target in policy["policy_metrics"]:
                if target["priority"] == priority:  # without a priority there is no promise
                    return policy, target
    return None


def _sla(policy: Json, target: Json) -> Json:
    return {
        "target": target["target"],
        "target_in_seconds": target["target_in_seconds"],
        "business_hours": target["business_hours"],
        "policy": {name: policy[name] for name in ("id", "title", "description")},
    }


def _is_public_by(audit: Audit, ticket: Ticket, *, ours: bool) -> bool:
    comment = audit.comment
    if comment is None or not comment.is_public or comment.author_id == BOT_ID:
        return False
    return (comment.author_id not in ticket.author_persons) is ours


def _reply(ticket: Ticket) -> list[Event]:
    asked = next((a.at for a in ticket.audits if _is_public_by(a, ticket, ours=False)), None)
    if asked is None:
        return []
    answered = next(
        (a.at for a in ticket.audits if a.at >= asked and _is_public_by(a, ticket, ours=True)), None
    )
    found = [_event(asked, "reply_time", "activate")]
    if promised := _policy_of(ticket):
        policy, target = promised
        found.append(_event(asked, "reply_time", "apply_sla", sla=_sla(policy, target)))
        due = asked + target["target_in_seconds"]
        if not target["business_hours"] and (answered is None or answered > due):
            found.append(_event(due, "reply_time", "breach", deleted=False))
    if answered is not None:
        found.append(_event(answered, "reply_time", "fulfill"))
        minutes = (answered - asked) // 60
        status = {"calendar": minutes, "business": minutes}
        found.append(_event(answered, "reply_time", "update_status", status=status))
    return found


def _wait(ticket: Ticket) -> list[Event]:
    """How long the requester waits: it stands still while the ticket is pending."""
    found = [_event(ticket.created_at, "requester_wait_time", "activate")]
    is_paused = False
    for at, status in _statuses(ticket):
        if status == "solved":
            return [*found, _event(at, "requester_wait_time", "fulfill")]
        if (status == "pending") != is_paused:
            is_paused = not is_paused
            found.append(_event(at, "requester_wait_time", "pause" if is_paused else "activate"))
    return found


def _resolution(ticket: Ticket) -> list[Event]:
    solved = _solved_at(ticket)
    found = [_event(ticket.created_at, "resolution_time", "activate")]
    return found if solved is None else [*found, _event(solved, "resolution_time", "fulfill")]


def _group_sla(ticket: Ticket, group_id: int, at: int) -> Json | None:
    """What is promised to the group that gets it then; a ticket without a priority: nothing."""
    priority = None
    for audit in ticket.audits:
        if audit.at <= at:
            priority = {change.name: change.value for change in audit.changes}.get(
                "priority", priority
            )
    for policy in promises.group_sla_policies(at + 1):
        if all(each["value"] == group_id for each in policy["filter"]["all"]):
            for target in policy["policy_metrics"]:
                if target["priority"] == priority:
                    return _sla(policy, target)
    return None


def _ownership(ticket: Ticket) -> list[Event]:
    """Each stretch of a group is an instance, promised to that group."""
    metric, found, instance, held = "group_ownership_time", [], 0, None
    solved = _solved_at(ticket)
    for audit in ticket.audits:
        if solved is not None and audit.at > solved:
            break
        for change in audit.changes:
            if change.name != "group_id" or change.value == held:
                continue
            if held is not None:
                found.append(_event(audit.at, metric, "fulfill", instance))
            held = change.value
            if held is not None:
                instance += 1
                found.append(_event(audit.at, metric, "activate", instance))
                if sla := _group_sla(ticket, int(held), audit.at):
                    found.append(
                        _event(audit.at, metric, "apply_group_sla", instance, group_sla=sla)
                    )
    if held is not None and solved is not None:
        found.append(_event(solved, metric, "fulfill", instance))
    return found
