"""A help desk's own schedules and SLA policies, written as policy rows for people to look at.

The rows come from what the nights found (the source keeps no history), each dated by the nights
that saw it so. What has no equal here is told with its reason and left out; nothing is applied.
"""

import csv
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby, product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from answerable import policies
from answerable.foreign import cell, one_line
from answerable.warehouse.names import Schemas

FILES = ("business_schedules", "holidays", "sla_policies")
# the source's metric -> ours
METRICS = {
    "first_reply_time": "first_reply_time",
    "next_reply_time": "next_reply_time",
    "periodic_update_time": "periodic_update_time",
    "pausable_update_time": "pausable_update_time",
    "requester_wait_time": "requester_wait_time",
    "agent_work_time": "agent_work_time",
    "resolution_time": "resolution_time",
    "total_resolution_time": "resolution_time",
    "group_ownership_time": "ownership_time",
}
# by which way a ticket came, by name and by number -> our channel, where one is all of the other
CHANNELS = {
    **dict.fromkeys(("email", "mail", "4"), "email"),
    **dict.fromkeys(("web", "web_form", "0"), "web_form"),
    **dict.fromkeys(("chat", "29"), "chat"),
    **dict.fromkeys(("twitter", "30"), "x"),
    **dict.fromkeys(("voice", "phone", "33", "34", "35"), "voice"),
    **dict.fromkeys(("facebook", "38"), "facebook"),
}
_EVER = date.max
_OPERATORS = ("is", "includes")


class CannotImport(ValueError):
    """There is nothing to import, or no place for it; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A target of a version of a policy: how fast, for which priority."""

    policy_id: str
    title: str
    rank: int
    applies_to: Mapping[str, Any]
    metric: str
    priority: str
    seconds: int
    is_in_business_hours: bool
    from_on: date
    until_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTime:
    schedule_id: str
    name: str
    made_at: datetime | None
    source_timezone: str
    timezone: str | None  # None: a name that we do not know
    weekday: str
    opens_at: str
    closes_at: str
    from_on: date
    until_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Holiday:
    schedule_id: str
    name: str
    first_on: str  # a day, if the source says so
    last_on: str
    from_on: date
    until_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the nights found, oldest first; and what the policy folder knows of the source."""

    source: str
    targets: tuple[Target, ...]
    open_times: tuple[OpenTime, ...]
    holidays: tuple[Holiday, ...]
    brands: Mapping[str, str] = field(default_factory=dict)  # source_brand_id -> brand
    topics: Mapping[str, str] = field(default_factory=dict)  # source_topic -> topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows by file, and what became no row, or another than one may think."""

    files: Mapping[str, list[dict[str, str]]]
    left_out: tuple[str, ...]
    assumed: tuple[str, ...]


# Reading


def read(conn: psycopg.Connection, source: str, folder: Path, zone: str) -> Found:
    """What the last built night tells of `source`. Days are those of the company's zone."""
    build = sql.Identifier(Schemas.of("").build)

    def ask(columns: str, *models: str) -> list[tuple]:
        found = []
        for model in models:
            query = sql.SQL("select {} from {}.{} where source = %s").format(
                sql.SQL(columns), build, sql.Identifier(model)
            )
            try:
                found += conn.execute(query, [source]).fetchall()
            except psycopg.errors.UndefinedTable:
                raise CannotImport("no night has been built yet; `make nightly` does it") from None
        return found

    def on(instant: datetime | None) -> date:
        if instant is None:
            return _EVER
        return instant.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone)).date()

    targets = [
        Target(
            policy_id=policy_id, title=title or policy_id, rank=int(rank or 0),
            applies_to=applies_to or {}, metric=metric or "", priority=priority or "",
            seconds=int(seconds or 0), is_in_business_hours=is_in_hours,
            from_on=on(seen_from), until_on=on(seen_until),
        )
        for policy_id, title, rank, applies_to, metric, priority, seconds, is_in_hours,
        seen_from, seen_until in ask(
            "policy_id, policy_name, rank, applies_to, metric, priority, target_seconds,"
            " is_in_business_hours, seen_from, seen_until",
            "stg_zendesk__sla_policies", "stg_zendesk__group_sla_policies",
        )
    ]  # fmt: skip
    open_times = [
        OpenTime(
            schedule_id=id_, name=name or id_, made_at=made_at, source_timezone=source_zone or "",
            timezone=iana, weekday=weekday, opens_at=opens, closes_at=closes,
            from_on=on(seen_from), until_on=on(seen_until),
        )
        for id_, name, made_at, source_zone, iana, weekday, opens, closes, seen_from, seen_until
        in ask(
            "schedule_id, schedule_name, created_at, source_timezone, timezone, weekday, opens_at,"
            " closes_at, seen_from, seen_until",
            "stg_zendesk__schedules",
        )
    ]  # fmt: skip
    holidays = [
        Holiday(
            schedule_id=id_, name=name or "", first_on=first or "",
            last_on=last or "", from_on=on(seen_from), until_on=on(seen_until),
        )
        for id_, name, first, last, seen_from, seen_until in ask(
            "schedule_id, holiday_name, first_on, last_on, seen_from, seen_until",
            "stg_zendesk__holidays",
        )
    ]  # fmt: skip
    if not targets and not open_times:
        raise CannotImport(
            f"nothing was read of {source!r} that could become policy rows: its plan may have "
            "neither SLA policies nor schedules, or it is another source (`answerable sources`)"
        )
    return Found(
        source=source,
        targets=tuple(sorted(targets, key=lambda one: (one.from_on, one.rank, one.policy_id))),
        open_times=tuple(sorted(open_times, key=lambda one: (one.from_on, one.schedule_id))),
        holidays=tuple(sorted(holidays, key=lambda one: (one.from_on, one.first_on))),
        brands=_known(folder, "brands", "source_brand_id", "brand", source),
        topics=_known(folder, "topics", "source_topic", "topic", source),
    )


def _known(folder: Path, file: str, key: str, value: str, source: str) -> dict[str, str]:
    with (folder / f"{file}.csv").open(newline="", encoding="utf-8-sig") as handle:
        return {row[key]: row[value] for row in csv.DictReader(handle) if row["source"] == source}


# Translating


def translate(found: Found, *, schedule: str | None = None, since: date | None = None) -> Rows:
    """Policy rows of what was found.

    `schedule` counts for targets in business hours; without it the oldest one, as at the source.
    `since`: what the first night found is taken to have stood from that day on.
    """
    first_night = min((one.from_on for one in (*found.targets, *found.open_times)), default=_EVER)
    if since is not None:

        def back(one: Any) -> Any:
            return (
                replace(one, from_on=min(since, first_night)) if one.from_on == first_night else one
            )

        found = replace(
            found,
            targets=tuple(map(back, found.targets)),
            open_times=tuple(map(back, found.open_times)),
            holidays=tuple(map(back, found.holidays)),
        )
    left_out: list[str] = []
    assumed: list[str] = []
    names = _names((one.schedule_id, one.name) for one in found.open_times)
    hours = list(_schedules(found, names, left_out))
    held = {name: _held(rows) for name, rows in _by(hours, "schedule").items()}
    default = _default_schedule(found, names, held, schedule, assumed)
    rules = list(_rules(found, default, held, left_out, assumed))
    return Rows(
        files={
            "business_schedules": hours,
            "holidays": list(_holidays(found, names, held, left_out)),
            "sla_policies": _that_can_match(rules, left_out),
        },
        left_out=tuple(dict.fromkeys(left_out)),
        assumed=tuple(dict.fromkeys(assumed)),
    )


def _names(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A name for each id: of its newest title, with the id where two would be alike."""
    newest = dict(pairs)
    slugs = {id_: _slug(title) for id_, title in newest.items()}
    alike = {slug for slug in slugs.values() if list(slugs.values()).count(slug) > 1}
    return {
        id_: f"{slug}_{id_.lower()}" if slug in alike or not slug else slug
        for id_, slug in slugs.items()
    }


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")


def _by(rows: Iterable[dict[str, str]], column: str) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        found.setdefault(row[column], []).append(row)
    return found


def _held(rows: list[dict[str, str]]) -> tuple[date, date]:
    """The first day on which a schedule's rows hold, and the first on which none does any more."""
    until = max(row["valid_until"] or _EVER.isoformat() for row in rows)
    return date.fromisoformat(min(row["valid_from"] for row in rows)), date.fromisoformat(until)


def _schedules(
    found: Found, names: Mapping[str, str], left_out: list[str]
) -> Iterator[dict[str, str]]:
    rows = []
    for one in found.open_times:
        if one.timezone is None:
            left_out.append(
                f"schedule {one.name!r}: zone {one.source_timezone!r} is no name of Ruby on Rails "
                "that we know; write its rows by hand"
            )
            continue
        rows.append(
            {
                "schedule": names[one.schedule_id],
                "timezone": one.timezone,
                "weekday": one.weekday,
                "opens_at": one.opens_at,
                "closes_at": one.closes_at,
                "valid_from": one.from_on.isoformat(),
                "valid_until": _day(one.until_on),
                "agreed_in": f"{found.source} schedule {one.schedule_id}",
            }
        )
    order = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    yield from sorted(
        _one_row_for_each_stretch(rows),
        key=lambda row: (
            row["schedule"], row["valid_from"], order.index(row["weekday"]), row["opens_at"]
        ),
    )  # fmt: skip


def _one_row_for_each_stretch(rows: list[dict[str, str]]) -> Iterator[dict[str, str]]:
    """Rows that differ in their days alone, and where one ends as the next begins: one row."""

    def same(row: dict[str, str]) -> tuple[str, ...]:
        return tuple(value for name, value in row.items() if not name.startswith("valid_"))

    for _, group in groupby(sorted(rows, key=lambda row: (same(row), row["valid_from"])), same):
        kept = None
        for row in group:
            if kept and kept["valid_until"] == row["valid_from"]:
                kept["valid_until"] = row["valid_until"]
                continue
            if kept:
                yield kept
            kept = dict(row)
        if kept:
            yield kept


def _day(day: date) -> str:
    return "" if day == _EVER else day.isoformat()


def _holidays(
    found: Found,
    names: Mapping[str, str],
    held: Mapping[str, tuple[date, date]],
    left_out: list[str],
) -> Iterator[dict[str, str]]:
    # the newest word on each; the same days may have been told by many versions of the schedule
    newest = {(one.schedule_id, one.first_on, one.last_on): one for one in found.holidays}
    taken: dict[str, date] = {}
    for one in sorted(newest.values(), key=lambda one: (one.schedule_id, one.first_on)):
        schedule = names.get(one.schedule_id)
        if schedule not in held:
            continue  # a schedule without rows has been told of
        where = f"holiday {one.name!r} of {schedule} on {one.first_on}"
        try:
            first, last = date.fromisoformat(one.first_on), date.fromisoformat(one.last_on)
        except ValueError:
            left_out.append(f"{where}: not from one day to another")
            continue
        if one.until_on <= first:
            left_out.append(f"{where}: it was taken out before it came")
            continue
        first, until = max(first, taken.get(schedule, first)), last + timedelta(days=1)
        if first >= until:
            continue  # closed by another one already
        taken[schedule] = until
        yield {
            "schedule": schedule,
            "holiday_on": first.isoformat(),
            "holiday_until": until.isoformat() if until - first > timedelta(days=1) else "",
            "opens_at": "",
            "closes_at": "",
            "holiday_name": cell(one_line(one.name)),  # people open it in a spreadsheet
            "agreed_in": f"{found.source} schedule {one.schedule_id}",
        }


def _default_schedule(
    found: Found,
    names: Mapping[str, str],
    held: Mapping[str, tuple[date, date]],
    chosen: str | None,
    assumed: list[str],
) -> str | None:
    if chosen is not None:
        if chosen not in held:
            raise CannotImport(f"no schedule {chosen!r}; there are {', '.join(sorted(held))}")
        return chosen
    # instants as texts: one without comes last
    made = {
        one.schedule_id: f"{one.made_at or 'later'} {one.schedule_id}" for one in found.open_times
    }
    oldest = min(made, key=lambda id_: made[id_], default=None)
    if oldest is None or names[oldest] not in held:
        return None
    if len(held) > 1 and any(one.is_in_business_hours for one in found.targets):
        assumed.append(
            f"targets in business hours count in {names[oldest]!r}, the oldest of {len(held)} "
            "schedules and so the source's default; triggers there may give tickets another one "
            "(--schedule names another for all)"
        )
    return names[oldest]


def _rules(
    found: Found,
    default: str | None,
    held: Mapping[str, tuple[date, date]],
    left_out: list[str],
    assumed: list[str],
) -> Iterator[dict[str, str]]:
    titles = _names((one.policy_id, one.title) for one in found.targets)
    rows = []
    for one in found.targets:
        where = f"policy {one.title!r}"
        metric = METRICS.get(one.metric)
        if metric not in policies.METRICS:
            left_out.append(f"{where}: metric {one.metric!r} is not measured here")
            continue
        if one.seconds <= 0:
            left_out.append(f"{where}: {one.metric} for {one.priority}: the target is no time")
            continue
        try:
            alternatives = list(_conditions(found, one.applies_to))
        except _Untranslatable as reason:
            left_out.append(
                f"{where}: {reason}; the whole policy is left out, and what it covers falls to the "
                "policies below it"
            )
            continue
        hours, from_on, until_on = "calendar", one.from_on, one.until_on
        if one.is_in_business_hours:
            if default is None:
                left_out.append(f"{where}: {one.metric} counts in business hours of no schedule")
                continue
            hours, (opened_on, closed_on) = default, held[default]
            from_on, until_on = max(from_on, opened_on), min(until_on, closed_on)
            if (from_on, until_on) != (one.from_on, one.until_on):
                assumed.append(f"{where}: in business hours only as long as {default} was there")
        for number, conditions in enumerate(alternatives, start=1):
            if conditions.get("priority", one.priority) != one.priority:
                continue
            name = f"{titles[one.policy_id]}_{metric}_{one.priority}"
            rows.append(
                {column: "" for column in policies.COLUMNS["sla_policies"]}
                | {
                    "policy": name if len(alternatives) == 1 else f"{name}_{number}",
                    "rank": str(one.rank * 10_000 + number * 10 + _place(one.priority)),
                    "metric": metric,
                    "source": found.source,
                    "priority": one.priority,
                    **conditions,
                    "target": "duration",
                    "target_minutes": f"{(Decimal(one.seconds) / 60).normalize():f}",
                    "hours": hours,
                    "on_change": "reapply",  # as the source does
                    "valid_from": from_on.isoformat(),
                    "valid_until": _day(until_on),
                    "agreed_in": f"{found.source} policy {one.policy_id}",
                }
            )
    rows = [row for row in rows if not row["valid_until"] or row["valid_from"] < row["valid_until"]]
    rows = list(_one_row_for_each_stretch(rows))
    yield from sorted(_named_anew_after_gaps(rows), key=_order)


def _order(row: dict[str, str]) -> tuple[Any, ...]:
    return row["metric"], int(row["rank"]), row["valid_from"]


def _place(priority: str) -> int:
    places = ("urgent", "high", "normal", "low")
    return places.index(priority) if priority in places else len(places)


def _named_anew_after_gaps(rows: list[dict[str, str]]) -> Iterator[dict[str, str]]:
    """A rule that was suspended begins again under another name."""
    for policy, revisions in _by(rows, "policy").items():
        turn, last = 1, None
        for row in sorted(revisions, key=lambda row: row["valid_from"]):
            if last is not None and last < row["valid_from"]:
                turn += 1
            last = row["valid_until"] or _EVER.isoformat()
            again = "" if turn == 1 else "_again" if turn == 2 else f"_again_{turn}"
            yield row | {"policy": policy + again}


class _Untranslatable(ValueError):
    """A condition that has no equal here."""


def _conditions(found: Found, applies_to: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The filter as conditions of rows: as many rows as it has alternatives."""
    choices = [_condition(found, one) for one in applies_to.get("all") or ()]
    any_of = [_condition(found, one) for one in applies_to.get("any") or ()]
    if any_of:
        choices.append([each for one in any_of for each in one])
    for chosen in product(*choices):
        merged: dict[str, str] = {}
        for column, value in chosen:
            if merged.setdefault(column, value) != value:
                break  # two values at once: never
        else:
            yield merged


def _condition(found: Found, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(our column, value) of a condition, for each value that it allows."""
    name, operator = str(given.get("field")), str(given.get("operator"))
    if operator not in _OPERATORS:
        raise _Untranslatable(f"condition {name} {operator}: rows say what is, not what is not")
    value = given.get("value")
    values = value if isinstance(value, list) else [value]
    if name in ("via_id", "current_via_id", "via"):
        return [("channel", _in(CHANNELS, "way", name, one)) for one in values]
    if name == "brand_id":
        return [("brand", _in(found.brands, "brand", "brands.csv", one)) for one in values]
    if name in ("current_tags", "tags"):
        tags = [tag for one in values for tag in str(one).split()]
        return [("topic", _in(found.topics, "tag", "topics.csv", one)) for one in tags]
    if name == "priority":
        return [("priority", str(one)) for one in values]
    raise _Untranslatable(f"condition on {name}: rows have no such condition")


def _in(known: Mapping[str, str], what: str, where: str, value: Any) -> str:
    text = str(value).lower()
    if text not in known:
        raise _Untranslatable(f"{what} {value!r} is none of {where}")
    return known[text]


def _that_can_match(rows: list[dict[str, str]], left_out: list[str]) -> list[dict[str, str]]:
    """Without those that others always stand before, which a policy folder may not have."""
    conditions = [
        name
        for name in ("source", "channel", "visibility", "purpose", "brand", "priority", "topic",
                     "customer_tier")
    ]  # fmt: skip
    kept: list[dict[str, str]] = []
    for row in rows:
        wider = next(
            (
                one
                for one in kept
                if one["metric"] == row["metric"]
                and int(one["rank"]) < int(row["rank"])
                and all(one[name] in ("", row[name]) for name in conditions)
                and one["valid_from"] <= row["valid_from"]
                and (one["valid_until"] or "9") >= (row["valid_until"] or "9")
            ),
            None,
        )
        if wider:
            left_out.append(
                f"{row['policy']}: never the first, {wider['policy']} stands before it and matches "
                "all that it does"
            )
        else:
            kept.append(row)
    return kept


# Writing


def write(rows: Rows, folder: Path, beside: Path) -> None:
    """A whole policy folder: the three files of the source, all others as they are in `beside`."""
    if folder.exists() and any(folder.iterdir()):
        raise CannotImport(f"{folder} is not empty; name a folder that is not there yet")
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in policies.COLUMNS.items():
        target = folder / f"{name}.csv"
        if name not in FILES:
            shutil.copyfile(beside / target.name, target)
            continue
        with target.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows.files[name])
    notes = [
        "What the help desk's settings became, and what they did not. Nothing is applied: look at",
        "business_schedules.csv, holidays.csv and sla_policies.csv, change what should be",
        "otherwise, and name this folder with POLICY. The other files are copies of those in use.",
        "",
        "Left out:",
        *([f"* {one}" for one in rows.left_out] or ["* nothing"]),
        "",
        "Assumed:",
        *([f"* {one}" for one in rows.assumed] or ["* nothing"]),
        "",
    ]
    (folder / "IMPORTED.txt").write_text("\n".join(notes), encoding="utf-8")
