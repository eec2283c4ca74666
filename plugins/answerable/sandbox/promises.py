"""What the company promises, as its help desk is set up for it: policies, opening hours, holidays.

The help desk shows what stands now and keeps no history. A few things change during the history,
on the days on which the company's own policy changes: a target, opening hours, a policy that ends.
"""

from typing import Any

from .company import BEFORE_HISTORY, DAY, GROUP, HOST, at, iso

Json = dict[str, Any]

SLA_CHANGES = (at("2025-12-06"), at("2026-02-01"))  # of the target on X
NOOKLY_ENDS = at("2026-01-01")
LATER_HOURS = at("2026-01-12")  # of the social hub
MAIL, CHAT, ON_X, NOOKLY = 360000800001, 360000800002, 360000800003, 360000800004
TO_GROUPS, TO_THE_HUB = "01KASANDB0XEACHGR0UPDAY001", "01KASANDB0XS0C1ALHUB2H0001"
HOUR = 3_600
SUPPORT_HOURS, SOCIAL_HOURS, VOICE_HOURS = 360000600001, 360000600002, 360000600003


def _since(present: int, *instants: int) -> int:
    """The last of the instants that the present has passed, else when all was set up."""
    return max([one for one in instants if one < present], default=BEFORE_HISTORY)


def sla_policies(present: int) -> list[Json]:
    since = _since(present, *SLA_CHANGES)
    on_x = {SLA_CHANGES[0]: 60, SLA_CHANGES[1]: 30}.get(since, 120)
    found = [
        _policy(
            MAIL,
            "Mail",
            1,
            "email",
            BEFORE_HISTORY,
            first_reply_time=((480, True), (60, False)),
            total_resolution_time=((2_040, True), (1_440, False)),
            requester_wait_time=((2_040, True), (2_040, True)),
            agent_work_time=((1_530, True), (510, True)),
        ),
        _policy(
            CHAT,
            "Chat",
            2,
            "chat",
            BEFORE_HISTORY,
            first_reply_time=((5, False), (5, False)),
            total_resolution_time=((1_440, False), (1_440, False)),
        ),
        _policy(
            ON_X,
            "X",
            3,
            "twitter",
            since,
            first_reply_time=((on_x, True), (on_x, True)),
            total_resolution_time=((2_880, False), (2_880, False)),
        ),
    ]
    if present <= NOOKLY_ENDS:
        found.append(
            _policy(
                NOOKLY,
                "Nookly forms",
                4,
                "web",
                BEFORE_HISTORY,
                first_reply_time=((720, True), (720, True)),
                total_resolution_time=((2_550, True), (2_550, True)),
            )
        )
    return found


Goal = tuple[int, bool]  # minutes, and whether they count in business hours


def _policy(
    id_: int, title: str, position: int, channel: str, since: int, **goals: tuple[Goal, Goal]
) -> Json:
    """Of each metric the usual goal, and that of what is urgent."""
    return {
        "url": f"https://{HOST}/api/v2/slas/policies/{id_}.json",
        "id": id_,
        "title": title,
        "description": "",
        "position": position,
        "filter": {"all": [{"field": "via_id", "operator": "is", "value": channel}], "any": []},
        "policy_metrics": [
            {
                "priority": priority,
                "metric": metric,
                "target": minutes,
                "target_in_seconds": minutes * 60,
                "business_hours": in_hours,
            }
            for metric, (usual, urgent) in goals.items()
            for priority in ("low", "normal", "high", "urgent")
            for minutes, in_hours in (urgent if priority == "urgent" else usual,)
        ],
        "created_at": iso(BEFORE_HISTORY),
        "updated_at": iso(since),
    }


def group_sla_policies(present: int) -> list[Json]:
    """How long a group may hold a ticket: since February the hub for two hours only."""
    since = _since(present, SLA_CHANGES[1])
    hub = {"field": "group_id", "operator": "is", "value": GROUP["Social Hub"].id}
    found = [_group_policy(TO_GROUPS, "Hand over within a day", 1, BEFORE_HISTORY, [], DAY)]
    if since == SLA_CHANGES[1]:
        found[0] |= {"position": 2}
        found.insert(0, _group_policy(TO_THE_HUB, "Hub: two hours", 1, since, [hub], 2 * HOUR))
    return found


def _group_policy(
    id_: str, title: str, position: int, since: int, all_of: list[Json], seconds: int
) -> Json:
    return {
        "url": f"https://{HOST}/api/v2/group_slas/policies/{id_}",
        "id": id_,
        "title": title,
        "description": "",
        "position": position,
        "filter": {"all": all_of},
        "policy_metrics": [
            {
                "priority": priority,
                "metric": "group_ownership_time",
                "target": seconds // 60,
                "target_in_seconds": seconds,
                "business_hours": False,
            }
            for priority in ("low", "normal", "high", "urgent")
        ],
        "created_at": iso(since),
        "updated_at": iso(since),
    }


def schedules(present: int) -> list[Json]:
    """Zones by the names of Rails; open times in minutes since Sunday 00:00 there."""
    since = _since(present, LATER_HOURS)
    social_closes = 22 if since == LATER_HOURS else 20
    return [
        _schedule(
            SUPPORT_HOURS,
            "Support hours",
            "London",
            BEFORE_HISTORY,
            [(day, 9 * 60, 17 * 60 + 30) for day in range(1, 6)],
        ),
        _schedule(
            SOCIAL_HOURS,
            "Social hours",
            "Edinburgh",
            since,
            [(day, 8 * 60, social_closes * 60) for day in range(7)],
        ),
        _schedule(
            VOICE_HOURS,
            "Voice hours",
            "Berlin",
            BEFORE_HISTORY,
            [
                *((day, *half) for day in range(1, 6) for half in ((540, 780), (840, 1080))),
                (6, 600, 780),
            ],
        ),
    ]


def _schedule(
    id_: int, name: str, zone: str, since: int, open_times: list[tuple[int, int, int]]
) -> Json:
    return {
        "id": id_,
        "name": name,
        "time_zone": zone,
        "intervals": [
            {"start_time": day * 1_440 + opens, "end_time": day * 1_440 + closes}
            for day, opens, closes in open_times
        ],
        "created_at": iso(BEFORE_HISTORY),
        "updated_at": iso(since),
    }


def holidays(schedule_id: int) -> list[Json] | None:
    """The holidays of a schedule; None where there is no such schedule."""
    days = {
        SUPPORT_HOURS: (
            ("Christmas", "2025-12-25", "2025-12-26"),
            ("New Year's Day", "2026-01-01", "2026-01-01"),
        ),
        SOCIAL_HOURS: (("Christmas Day", "2025-12-25", "2025-12-25"),),
        VOICE_HOURS: (
            ("Weihnachten", "2025-12-25", "2025-12-26"),
            ("Neujahr", "2026-01-01", "2026-01-01"),
        ),
    }.get(schedule_id)
    if days is None:
        return None
    return [
        {"id": schedule_id + 1_000 * number, "name": name, "start_date": first, "end_date": last}
        for number, (name, first, last) in enumerate(days, start=1)
    ]
