"""Whether a folder of policy files makes sense, before anything is built from it.

`check` tells every mistake at once, each by file, line and what to do about it. The columns are
the contract of a policy folder; what the rows mean stands in the design, and the models read them.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers

from answerable.identity.identifiers import EVERYWHERE, identifier

_DATED = ("valid_from", "valid_until", "agreed_in")
_CONDITIONS = (
    "source",
    "channel",
    "direction",
    "visibility",
    "purpose",
    "brand",
    "priority",
    "topic",
    "customer_tier",
)
COLUMNS: dict[str, tuple[str, ...]] = {
    "company": ("company_name", "timezone", "default_region"),
    "departments": ("department", "department_name", *_DATED),
    "teams": ("team", "team_name", "department", *_DATED),
    "agents_teams": ("source", "agent", "agent_name", "team", *_DATED),
    "owner_aliases": ("alias", "department", "agreed_in"),
    "brands": ("brand", "brand_name", "source", "source_brand_id", "default_region"),
    "channels": ("channel", "channel_name", "is_social"),
    "business_schedules": ("schedule", "timezone", "weekday", "opens_at", "closes_at", *_DATED),
    "holidays": (
        "schedule",
        "holiday_on",
        "holiday_until",
        "opens_at",
        "closes_at",
        "holiday_name",
        "agreed_in",
    ),
    "sla_policies": (
        "policy",
        "rank",
        "metric",
        *(one for one in _CONDITIONS if one != "direction"),
        "target",
        "target_minutes",
        "hours",
        "pause_while",
        "on_reopen",
        "on_change",
        "at_risk_minutes",
        *_DATED,
    ),
    "ownership_policies": ("policy", "rank", *_CONDITIONS, "department", "team", *_DATED),
    "service_levels": (
        "policy",
        "rank",
        "source",
        "queue",
        "brand",
        "priority",
        "target_seconds",
        "target_share",
        "share_of",
        "short_abandon_seconds",
        "interval_minutes",
        *_DATED,
    ),
    "topics": ("source", "source_topic", "topic", "purpose", "agreed_in"),
    "customer_tiers": ("source", "source_tier", "customer_tier", "agreed_in"),
    "identity_rules": (
        "rule",
        "kind",
        "identifier",
        "other_kind",
        "other_identifier",
        "most_accounts",
        *_DATED,
    ),
}
# what the models compute; a row of another metric would silently judge nothing
METRICS = (
    "first_reply_time",
    "next_reply_time",
    "periodic_update_time",
    "pausable_update_time",
    "requester_wait_time",
    "agent_work_time",
    "resolution_time",
    "time_to_owner",
    "ownership_time",
)
# how a rule names an identifier: what means the same everywhere by its value, all else as
# `account`, by the source's name and its own id, as zendesk:user:380
IDENTIFIER_KINDS = (*EVERYWHERE, "account")
# the source's own due time is an instant at which somebody is to be answered, or done with
_DUE_METRICS = ("first_reply_time", "resolution_time")
_REOPENED_METRICS = ("requester_wait_time", "agent_work_time", "resolution_time")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ALLOWED = {
    "direction": ("inbound", "outbound"),
    "visibility": ("public", "private"),
    "purpose": ("publishing", "service", "lead", "complaint", "other"),
    "metric": METRICS,
    "weekday": _WEEKDAYS,
    "is_social": ("true", "false"),
    "target": ("duration", "case_due_at"),
    "share_of": ("offered", "answered", "offered_without_short_abandons"),
    # a longer one would be cut in two where clocks change by half an hour
    "interval_minutes": ("5", "10", "15", "30"),
    "pause_while": ("pending", "hold", "pending hold", "hold pending"),
    "on_reopen": ("continue", "restart"),
    "on_change": ("keep", "reapply"),
    "rule": ("same", "different", "shared", "limit"),
    "kind": IDENTIFIER_KINDS,
    "other_kind": IDENTIFIER_KINDS,
}
_REQUIRED = {
    "company": ("company_name", "timezone"),
    "departments": ("department", "department_name", "valid_from"),
    "teams": ("team", "team_name", "department", "valid_from"),
    "agents_teams": ("source", "agent", "team", "valid_from"),
    "owner_aliases": ("alias", "department"),
    "brands": ("brand", "brand_name", "source", "source_brand_id"),
    "channels": ("channel", "channel_name", "is_social"),
    "business_schedules": (
        "schedule",
        "timezone",
        "weekday",
        "opens_at",
        "closes_at",
        "valid_from",
    ),
    "holidays": ("schedule", "holiday_on"),
    "sla_policies": ("policy", "rank", "metric", "target", "valid_from"),
    "ownership_policies": ("policy", "rank", "department", "valid_from"),
    "service_levels": (
        "policy",
        "rank",
        "target_seconds",
        "target_share",
        "share_of",
        "interval_minutes",
        "valid_from",
    ),
    "topics": ("source", "source_topic", "topic", "purpose"),
    "customer_tiers": ("source", "source_tier", "customer_tier"),
    "identity_rules": ("rule", "kind", "valid_from"),
}
# what must not be there twice; in dated files: not twice on one day
_KEYS = {
    "departments": ("department",),
    "teams": ("team",),
    "agents_teams": ("source", "agent"),
    "owner_aliases": ("alias",),
    "brands": ("source", "source_brand_id"),
    "channels": ("channel",),
    "sla_policies": ("policy",),
    "ownership_policies": ("policy",),
    "service_levels": ("policy",),
    "topics": ("source", "source_topic"),
    "customer_tiers": ("source", "source_tier"),
}
# what a rule of identity names beside its kind
_NAMES = {
    "same": ("identifier", "other_kind", "other_identifier"),
    "different": ("identifier", "other_kind", "other_identifier"),
    "shared": ("identifier",),
    "limit": ("most_accounts",),
}
_WRITTEN = {
    "phone": "write it with + and the country's code, as +442079460123",
    "email": "write it as cora@mail.example",
    "x_handle": "write it as @cora",
}
_FOR_EVER = date.max


@dataclass(frozen=True, slots=True)
class Row:
    """One row, with the line it stands on and the days for which it is in force."""

    file: str
    line: int
    values: dict[str, str]
    from_on: date
    until_on: date

    def __getitem__(self, column: str) -> str:
        return self.values.get(column, "")

    @property
    def place(self) -> str:
        return f"{self.file}.csv line {self.line}"

    def meets(self, other: "Row") -> bool:
        """Both are in force on some day."""
        return self.from_on < other.until_on and other.from_on < self.until_on


Tables = dict[str, list[Row]]


def check(folder: Path) -> list[str]:
    """Every mistake in the policy files of a folder; an empty list says that they make sense."""
    errors: list[str] = []
    tables: Tables = {name: _read(folder, name, errors) for name in COLUMNS}
    for name, rows in tables.items():
        errors += [error for row in rows for error in _cells(name, row)]
        errors += _twice(rows, _KEYS.get(name, ()))
    errors += _company(tables["company"])
    errors += _names(tables)
    errors += _schedules(tables)
    errors += _holidays(tables["holidays"])
    for name in ("sla_policies", "ownership_policies", "service_levels"):
        errors += _rules(tables[name], by_metric=name == "sla_policies")
        errors += _revisions(tables[name])
    errors += _targets(tables)
    errors += _service_levels(tables["service_levels"])
    errors += _regions(tables)
    errors += _identity_rules(tables)
    return errors


def is_holiday(folder: Path, day: date) -> bool:
    """Whether a schedule of the folder has a holiday on a day. What cannot be read is none: that is
    for `check` to say."""
    rows = _read(folder, "holidays", [])
    return any(date.min < row.from_on <= day < row.until_on for row in rows)


def _read(folder: Path, name: str, errors: list[str]) -> list[Row]:
    file = folder / f"{name}.csv"
    if not file.exists():
        errors.append(
            f"{name}.csv: not in {folder}; a file without rows but with the columns "
            f"{','.join(COLUMNS[name])} says that there are none"
        )
        return []
    rows = []
    with file.open(newline="", encoding="utf-8-sig") as handle:
        reader = csv.DictReader(handle)
        found = tuple(reader.fieldnames or ())
        missing = [column for column in COLUMNS[name] if column not in found]
        unknown = [column for column in found if column not in COLUMNS[name]]
        if missing or unknown:
            errors.append(
                f"{name}.csv line 1: "
                + "; ".join(
                    [f"column {one!r} is missing" for one in missing]
                    + [f"column {one!r} is not known" for one in unknown]
                )
                + f"; expected {','.join(COLUMNS[name])}"
            )
            return []
        for record in reader:
            line = reader.line_num
            if None in record or None in record.values():
                errors.append(
                    f"{name}.csv line {line}: expected {len(found)} values, found another number; "
                    "is a comma missing or too many?"
                )
                continue
            values = {column: value.strip() for column, value in record.items()}
            rows.append(Row(name, line, values, *_days(name, values)))
    return rows


def _days(name: str, values: dict[str, str]) -> tuple[date, date]:
    """The days for which a row is in force, half-open."""
    if name == "holidays":
        first = _date(values["holiday_on"]) or date.min
        return first, _date(values["holiday_until"]) or first + timedelta(days=1)
    first = _date(values.get("valid_from", "")) or date.min
    return first, _date(values.get("valid_until", "")) or _FOR_EVER


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _minute(text: str) -> int | None:
    """Minutes after midnight of HH:MM, 24:00 included; None where it is no such time."""
    hours, colon, minutes = text.partition(":")
    digits = hours.isdecimal() and minutes.isdecimal() and len(hours) == len(minutes) == 2
    if not (colon and digits) or int(minutes) > 59:
        return None
    total = int(hours) * 60 + int(minutes)
    return total if total <= 24 * 60 else None


def _cells(name: str, row: Row) -> Iterator[str]:
    """What is wrong within one row, by itself."""
    for column in _REQUIRED[name]:
        if not row[column]:
            yield f"{row.place}: {column} is empty"
    for column in ("valid_from", "valid_until", "holiday_on", "holiday_until"):
        if row[column] and _date(row[column]) is None:
            yield f"{row.place}: {column} {row[column]!r} is not a day as in 2026-02-01"
    if row.from_on >= row.until_on:
        first, last = (
            ("holiday_on", "holiday_until") if name == "holidays" else ("valid_from", "valid_until")
        )
        yield (
            f"{row.place}: {first} {row[first]} is not before {last} "
            f"{row[last]}, so the row is never in force"
        )
    for column, allowed in _ALLOWED.items():
        if row[column] and row[column] not in allowed:
            yield f"{row.place}: {column} {row[column]!r} is not one of {', '.join(allowed)}"
    if row["timezone"]:
        try:
            ZoneInfo(row["timezone"])
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield (
                f"{row.place}: timezone {row['timezone']!r} is not an IANA name "
                "such as Europe/London"
            )
    for column in ("opens_at", "closes_at"):
        if row[column] and _minute(row[column]) is None:
            yield f"{row.place}: {column} {row[column]!r} is not a time as in 09:00"
    opens, closes = _minute(row["opens_at"]), _minute(row["closes_at"])
    if opens is not None and closes is not None and opens >= closes:
        yield (
            f"{row.place}: opens_at {row['opens_at']} is not before closes_at {row['closes_at']}; "
            "hours over midnight are two rows, one to 24:00 and one from 00:00"
        )
    if row["rank"] and not row["rank"].isdecimal():
        yield f"{row.place}: rank {row['rank']!r} is not a whole number"


def _as_compared(column: str, value: str) -> str:
    """What tells two values apart; names of departments as the macro owner_name compares them."""
    return " ".join(value.lower().replace("&", " and ").split()) if column == "alias" else value


def _twice(rows: list[Row], key: tuple[str, ...]) -> Iterator[str]:
    """Rows of the same key that are in force on the same day."""
    if not key:
        return
    seen: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        same = seen.setdefault(tuple(_as_compared(one, row[one]) for one in key), [])
        for other in same:
            if row.meets(other):
                what = ", ".join(f"{column} {row[column]!r}" for column in key)
                days = "" if "valid_from" not in row.values else " for the same days"
                yield f"{row.place}: {what} stands on line {other.line} already{days}"
                break
        same.append(row)


def _company(rows: list[Row]) -> Iterator[str]:
    if len(rows) != 1:
        yield f"company.csv: expected one row, found {len(rows)}"


def _names(tables: Tables) -> Iterator[str]:
    """Names that one file uses and another should know."""
    departments = {row["department"] for row in tables["departments"]}
    teams = {row["team"] for row in tables["teams"]}
    known = {
        "department": (departments, "departments.csv"),
        "team": (teams, "teams.csv"),
        "schedule": ({row["schedule"] for row in tables["business_schedules"]},
                     "business_schedules.csv"),
        "channel": ({row["channel"] for row in tables["channels"]}, "channels.csv"),
        "brand": ({row["brand"] for row in tables["brands"]}, "brands.csv"),
        "topic": ({row["topic"] for row in tables["topics"]} | {"unknown"}, "topics.csv"),
        "customer_tier": (
            {row["customer_tier"] for row in tables["customer_tiers"]} | {"unknown"},
            "customer_tiers.csv",
        ),
    }  # fmt: skip
    used = {
        "teams": ("department",),
        "agents_teams": ("team",),
        "owner_aliases": ("department",),
        "holidays": ("schedule",),
        "sla_policies": ("channel", "brand", "topic", "customer_tier"),
        "ownership_policies": (
            "channel", "brand", "topic", "customer_tier", "department", "team",
        ),
        "service_levels": ("brand",),
    }  # fmt: skip
    for name, columns in used.items():
        for row in tables[name]:
            for column in columns:
                names, where = known[column]
                if row[column] and row[column] not in names:
                    yield f"{row.place}: {column} {row[column]!r} is not in {where}"
    homes = {(row["team"], row["department"]) for row in tables["teams"]}
    for row in tables["ownership_policies"]:
        team, department = row["team"], row["department"]
        if team in teams and department in departments and (team, department) not in homes:
            yield f"{row.place}: team {team!r} is never in department {department!r} (teams.csv)"


def _schedules(tables: Tables) -> Iterator[str]:
    """Opening hours that overlap, and zones that differ within one schedule."""
    rows = tables["business_schedules"]
    for number, row in enumerate(rows):
        for other in rows[:number]:
            if row["schedule"] != other["schedule"] or not row.meets(other):
                continue
            if row["timezone"] != other["timezone"]:
                yield (
                    f"{row.place}: schedule {row['schedule']!r} has timezone "
                    f"{other['timezone']} on line {other.line}, for the same days"
                )
                break
            if (
                row["weekday"] == other["weekday"]
                and row["opens_at"] < other["closes_at"]
                and other["opens_at"] < row["closes_at"]
            ):
                yield (
                    f"{row.place}: {row['weekday']} {row['opens_at']}-{row['closes_at']} overlaps "
                    f"{other['opens_at']}-{other['closes_at']} on line {other.line}"
                )
                break


def _holidays(rows: list[Row]) -> Iterator[str]:
    """Days off that stand twice, and special hours that overlap or are half there."""
    for number, row in enumerate(rows):
        if bool(row["opens_at"]) != bool(row["closes_at"]):
            empty = "closes_at" if row["opens_at"] else "opens_at"
            yield (
                f"{row.place}: {empty} is empty; special hours need both, a day off neither of "
                "opens_at and closes_at"
            )
        for other in rows[:number]:
            if row["schedule"] != other["schedule"] or not row.meets(other):
                continue
            if not (row["opens_at"] and other["opens_at"]):
                yield (
                    f"{row.place}: schedule {row['schedule']!r}, holiday_on {row['holiday_on']!r} "
                    f"stands on line {other.line} already"
                )
                break
            if row["opens_at"] < other["closes_at"] and other["opens_at"] < row["closes_at"]:
                yield (
                    f"{row.place}: special hours {row['opens_at']}-{row['closes_at']} overlap "
                    f"{other['opens_at']}-{other['closes_at']} on line {other.line}"
                )
                break


def _revisions(rows: list[Row]) -> Iterator[str]:
    """Days between two revisions of a rule on which none of them holds."""
    last: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row.from_on):
        before = last.get(row["policy"])
        if before is not None and before.until_on < row.from_on:
            yield (
                f"{row.place}: valid_from {row['valid_from']} leaves a gap: {row['policy']!r} on "
                f"line {before.line} ends on {before['valid_until']}; a rule that was suspended "
                "begins again under another name"
            )
        if before is None or before.until_on < row.until_on:
            last[row["policy"]] = row


def _rules(rows: list[Row], *, by_metric: bool) -> Iterator[str]:
    """Two rules of one rank, and rules that another one always beats."""
    conditions = [one for one in (*_CONDITIONS, "queue") if rows and one in rows[0].values]
    for row in rows:
        for other in rows:
            if other is row or (by_metric and other["metric"] != row["metric"]):
                continue
            same_rank = row["rank"] == other["rank"] and row.meets(other)
            if same_rank and other.line < row.line and row["policy"] != other["policy"]:
                yield (
                    f"{row.place}: rank {row['rank']} is that of {other['policy']!r} on line "
                    f"{other.line} already, for the same days; first match wins, so ranks differ"
                )
                break
            if not (row["rank"].isdecimal() and other["rank"].isdecimal()):
                continue
            if by_metric and other["target"] == "case_due_at" != row["target"]:
                continue  # it matches only cases that have a due time of their own
            wider = all(other[column] in ("", row[column]) for column in conditions)
            longer = other.from_on <= row.from_on and row.until_on <= other.until_on
            if int(other["rank"]) < int(row["rank"]) and wider and longer:
                yield (
                    f"{row.place}: can never match: {other['policy']!r} on line {other.line} "
                    "stands before it and matches all that it does"
                )
                break


def _targets(tables: Tables) -> Iterator[str]:
    """Targets that are missing or 0, and hours in which nothing can be counted."""
    schedules: dict[str, list[Row]] = {}
    for row in tables["business_schedules"]:
        schedules.setdefault(row["schedule"], []).append(row)
    for row in tables["sla_policies"]:
        minutes, hours = row["target_minutes"], row["hours"]
        if row["at_risk_minutes"] and not _is_seconds(row["at_risk_minutes"]):
            yield (
                f"{row.place}: at_risk_minutes {row['at_risk_minutes']!r} is not a number of "
                "minutes above 0 that makes whole seconds"
            )
        if row["on_reopen"] and row["metric"] not in _REOPENED_METRICS:
            yield (
                f"{row.place}: on_reopen {row['on_reopen']!r} is for "
                f"{', '.join(_REOPENED_METRICS)}; metric {row['metric']!r} does not end when a "
                "case is solved"
            )
        if row["target"] == "case_due_at":
            if minutes:
                yield (
                    f"{row.place}: target case_due_at is the case's own due time, "
                    f"so target_minutes {minutes!r} must be empty"
                )
            if hours not in ("", "calendar"):
                yield (
                    f"{row.place}: target case_due_at is an instant, which counts calendar time; "
                    f"hours {hours!r} must be 'calendar'"
                )
            if row["metric"] not in _DUE_METRICS:
                yield (
                    f"{row.place}: target case_due_at is for {' and '.join(_DUE_METRICS)}, "
                    f"not for metric {row['metric']!r}"
                )
            for column in ("pause_while", "on_change"):
                if row[column] not in ("", "keep"):
                    yield (
                        f"{row.place}: target case_due_at is an instant, which neither waits nor "
                        f"moves; {column} {row[column]!r} must be empty"
                    )
            continue
        if not _is_seconds(minutes):
            yield (
                f"{row.place}: target_minutes {minutes!r} is not a number of minutes above 0 that "
                "makes whole seconds; where nothing is promised there is no row"
            )
        if hours == "calendar":
            continue
        if hours not in schedules:
            yield (
                f"{row.place}: hours {hours!r} is neither 'calendar' nor a schedule of "
                "business_schedules.csv"
            )
            continue
        gap = _gap(row, schedules[hours])
        if gap is not None:
            yield f"{row.place}: schedule {hours!r} has no opening hours in force from {gap} on"


def _service_levels(rows: list[Row]) -> Iterator[str]:
    """Targets of 0, shares that are none, and lengths that are no whole seconds."""
    for row in rows:
        seconds, share, short = (
            row[column] for column in ("target_seconds", "target_share", "short_abandon_seconds")
        )
        if not seconds.isdecimal() or int(seconds) == 0:
            yield (
                f"{row.place}: target_seconds {seconds!r} is not a whole number above 0; "
                "where nothing is promised there is no row"
            )
        if not re.fullmatch(r"0\.\d*[1-9]\d*|1(\.0*)?", share, re.ASCII):
            yield f"{row.place}: target_share {share!r} is not above 0 and at most 1, as in 0.8"
        if short and not short.isdecimal():
            yield (
                f"{row.place}: short_abandon_seconds {short!r} is not a whole number; "
                "blank where every abandoned call counts"
            )


def _regions(tables: Tables) -> Iterator[str]:
    for row in (*tables["company"], *tables["brands"]):
        region = row["default_region"].upper()
        if region and region not in phonenumbers.SUPPORTED_REGIONS:
            yield (
                f"{row.place}: default_region {row['default_region']!r} is no region of telephone "
                "numbers, as GB; blank: numbers without a country's code cannot be read"
            )


def _identity_rules(tables: Tables) -> Iterator[str]:
    """What each rule has to name, whether it can be read, and rules that stand twice."""
    region = next((row["default_region"].upper() for row in tables["company"]), "") or None
    seen: dict[tuple, list[Row]] = {}
    for row in tables["identity_rules"]:
        if row["rule"] not in _NAMES or row["kind"] not in IDENTIFIER_KINDS:
            continue
        needed = _NAMES[row["rule"]]
        for column in ("identifier", "other_kind", "other_identifier", "most_accounts"):
            if column in needed and not row[column]:
                yield f"{row.place}: {column} is empty; a rule {row['rule']!r} needs it"
            if column not in needed and row[column]:
                yield f"{row.place}: {column} {row[column]!r} means nothing in {row['rule']!r}"
        most = row["most_accounts"]
        if most and not (most.isdecimal() and int(most) > 0):
            yield f"{row.place}: most_accounts {most!r} is not a whole number above 0"
        keys = []
        for kind, column in (("kind", "identifier"), ("other_kind", "other_identifier")):
            if column in needed and row[column] and row[kind] in IDENTIFIER_KINDS:
                error, key = _identifier(row, row[kind], column, region)
                keys.append(key)
                if error:
                    yield f"{row.place}: {column} {row[column]!r} {error}"
        if len(keys) == 2 and keys[0] == keys[1]:
            yield f"{row.place}: names {row['identifier']!r} twice; expected two identifiers"
        same = seen.setdefault((row["rule"], row["kind"], *sorted(keys)), [])
        for other in same:
            if row.meets(other):
                yield f"{row.place}: says what line {other.line} says, for the same days"
                break
        same.append(row)


def _identifier(row: Row, kind: str, column: str, region: str | None) -> tuple[str, str]:
    """What is wrong with how a rule names an identifier, '' where nothing is; and its key."""
    text = row[column]
    if "*" in text:
        wrong = "" if row["rule"] == "shared" else "is a pattern, which only 'shared' takes"
        return wrong, f"{kind}:{text.lower()}"
    if kind == "account":
        is_key = text.count(":") >= 2
        return "" if is_key else "is no account as in zendesk:user:380 (source, user, id)", text
    national = kind == "phone" and region and not text.startswith("+")
    one = identifier(kind, f"{region} {text}" if national else text, text)
    return "" if one.is_readable else f"cannot be read as {kind}; {_WRITTEN[kind]}", one.key


def _is_seconds(minutes: str) -> bool:
    """A number of minutes above 0, in plain decimals, that is a whole number of seconds."""
    try:
        seconds = Decimal(minutes) * 60
    except InvalidOperation:
        return False
    is_plain = minutes.replace(".", "", 1).isdecimal()
    return is_plain and seconds > 0 and seconds == int(seconds)


def _gap(row: Row, schedule: Iterable[Row]) -> date | None:
    """The first day of the row on which nothing of the schedule is in force."""
    day = row.from_on
    for one in sorted(schedule, key=lambda one: one.from_on):
        if one.from_on <= day < one.until_on:
            day = one.until_on
    return day if day < row.until_on else None
