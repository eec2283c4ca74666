"""Who held a case, and when."""

from typing import ClassVar

from great_expectations import ExpectationSuite

from answerable.quality.night import Night
from answerable.quality.rule import Rule
from expectations.shared import (
    ExpectIntervalsInOrder,
    ExpectKnownValues,
    ExpectNothingFromTheFuture,
    ExpectOneRowPerKey,
    parent_to_be_there,
    quoted,
)


class ExpectSpansToCoverTheCase(Rule):
    """Spans begin when the case is opened; the last one lasts as long as the case is open."""

    advice: ClassVar[str] = (
        "look at the case's first and last row in fct_case_timeline; seconds held would not add up "
        "to the case's time"
    )
    unexpected_rows_query: str = """
        select cases.case_key
        from {build}.fct_cases as cases
        join (
            select
                case_key,
                min(from_at) as first_from_at,
                bool_or(to_at is null) as is_lasting
            from {batch}
            group by case_key
        ) as held
            on cases.case_key = held.case_key
        where held.first_from_at <> cases.opened_at
            or held.is_lasting <> cases.is_open
    """


class ExpectSpanSecondsToBeItsLength(Rule):
    """A span's seconds are those between its ends, up to as_of where it lasts."""

    advice: ClassVar[str] = "see calendar_seconds in fct_ownership_spans"
    unexpected_rows_query: str = """
        select case_key, span_no from {batch}
        where calendar_seconds is distinct from
            cast(floor(extract(epoch from coalesce(to_at, {as_of}) - from_at)) as bigint)
    """


class ExpectNeighbouringSpansToDiffer(Rule):
    """A span ends where the holder changes: two in a row have different holders."""

    advice: ClassVar[str] = "handoffs would be counted that never were; see fct_ownership_spans"
    unexpected_rows_query: str = """
        select case_key, span_no from (
            select
                case_key, span_no,
                row(department, team, agent_key) as holder,
                lag(row(department, team, agent_key))
                    over (partition by case_key order by span_no) as previous_holder,
                row_number() over (partition by case_key order by span_no) as counted
            from {batch}
        ) as numbered
        where counted > 1 and holder is not distinct from previous_holder
    """


class ExpectNobodyToBeNobody(Rule):
    """is_nobody says that no department, team or agent holds the case, and only that."""

    advice: ClassVar[str] = "see is_nobody in fct_ownership_spans"
    unexpected_rows_query: str = """
        select case_key, span_no from {batch}
        where is_nobody is distinct from (num_nonnulls(department, team, agent_key) = 0)
    """


class ExpectAWayToEachHolder(Rule):
    """How a case came to them is told of each holder, in known words, and of nobody else."""

    advice: ClassVar[str] = "see came_by in int_case_states"
    unexpected_rows_query: str = """
        select case_key, span_no from {batch}
        where is_nobody <> (came_by is null)
            or came_by not in ('rule', 'replied', 'taken_over', 'reorganised', 'assigned')
    """


class ExpectBusinessTimeWithinCalendarTime(Rule):
    """Open seconds of a stretch of time are some of its seconds."""

    advice: ClassVar[str] = "see int_business_slices for the span's schedule around its ends"
    unexpected_rows_query: str = """
        select case_key, span_no from {batch}
        where business_seconds not between 0 and calendar_seconds
            or (schedule is null) <> (business_seconds is null)
    """


def spans(night: Night) -> ExpectationSuite:
    key = {"key": "case_key, span_no"}
    return ExpectationSuite(
        name="ownership",
        expectations=[
            ExpectOneRowPerKey(night, given=key, severity="critical"),
            ExpectIntervalsInOrder(night, given={"number": "span_no"}, severity="critical"),
            ExpectSpansToCoverTheCase(night, severity="critical"),
            ExpectSpanSecondsToBeItsLength(night, severity="critical"),
            ExpectNeighbouringSpansToDiffer(night, severity="critical"),
            ExpectNobodyToBeNobody(night, severity="critical"),
            ExpectAWayToEachHolder(night, severity="critical"),
            ExpectBusinessTimeWithinCalendarTime(night, severity="critical"),
            ExpectNothingFromTheFuture(
                night, given=key | {"instants": "from_at, to_at"}, severity="critical"
            ),
            ExpectKnownValues(
                night,
                given={
                    "column": "verdict",
                    "values": quoted(
                        "no_policy", "orphaned", "contested", "misrouted", "as_policy"
                    ),
                },
                severity="critical",
            ),
            parent_to_be_there(night, "fct_cases", "case_key"),
        ],
    )


class ExpectHandoffsToBeListedAsCounted(Rule):
    """A case lists as many handoffs between departments, and between teams, as it counts."""

    advice: ClassVar[str] = "see level in fct_handoffs and the counts in int_case_facts"
    unexpected_rows_query: str = """
        select coalesce(cases.case_key, listed.case_key) as case_key
        from {build}.fct_cases as cases
        full join (
            select
                case_key,
                count(*) filter (where level = 'department') as departments,
                count(*) filter (where from_team <> to_team) as teams
            from {batch}
            group by case_key
        ) as listed
            on cases.case_key = listed.case_key
        where coalesce(cases.handoff_count, 0) <> coalesce(listed.departments, 0)
            or coalesce(cases.team_handoff_count, 0) <> coalesce(listed.teams, 0)
    """


class ExpectAHandoffToBeginASpan(Rule):
    """Who was handed a case holds it from then on, and somebody had let it go before."""

    advice: ClassVar[str] = "the two tables were not built from the same events: replay the day"
    unexpected_rows_query: str = """
        select handoffs.case_key, handoffs.handoff_no
        from {batch} as handoffs
        left join {build}.fct_ownership_spans as spans
            on handoffs.case_key = spans.case_key and handoffs.span_no = spans.span_no
        where spans.from_at is distinct from handoffs.handed_at
            or spans.is_nobody
            or handoffs.released_at > handoffs.handed_at
            or handoffs.acted_at < handoffs.handed_at
            or handoffs.waiting_seconds < handoffs.unheld_seconds
    """


def handoffs(night: Night) -> ExpectationSuite:
    key = {"key": "case_key, handoff_no"}
    return ExpectationSuite(
        name="handoffs",
        expectations=[
            ExpectOneRowPerKey(night, given=key, severity="critical"),
            ExpectHandoffsToBeListedAsCounted(night, severity="critical"),
            ExpectAHandoffToBeginASpan(night, severity="critical"),
            ExpectNothingFromTheFuture(
                night, given=key | {"instants": "handed_at, acted_at"}, severity="critical"
            ),
            ExpectKnownValues(
                night,
                given={"column": "level", "values": quoted("department", "team", "agent")},
                severity="critical",
            ),
        ],
    )


class ExpectAttributionToAddUp(Rule):
    """The time of each promise is split without rest over who held the case, and one of them held
    it when the target ran out."""

    advice: ClassVar[str] = "compare the promise's rows in fct_sla_segments"
    unexpected_rows_query: str = """
        select clocks.case_key, clocks.metric, clocks.clock_no
        from {build}.fct_sla_clocks as clocks
        left join (
            select case_key, metric, clock_no, sum(seconds) as seconds,
                max(elapsed_seconds) as elapsed_seconds,
                count(*) filter (where is_holder_at_breach) as holders,
                count(distinct outcome) filter (where outcome = 'breached') as breaches
            from {batch}
            group by case_key, metric, clock_no
        ) as attributed
            on clocks.case_key = attributed.case_key
            and clocks.metric = attributed.metric
            and clocks.clock_no = attributed.clock_no
        where attributed.seconds is distinct from attributed.elapsed_seconds
            or attributed.case_key is null
            or attributed.holders <> attributed.breaches
    """


def attribution(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="breach attribution",
        expectations=[
            ExpectOneRowPerKey(
                night,
                given={"key": "case_key, metric, clock_no, department"},
                severity="critical",
            ),
            ExpectAttributionToAddUp(night, severity="critical"),
        ],
    )


class ExpectTheWorklistToBeWhatNobodyHolds(Rule):
    """Each counted case that is neither closed nor solved is held by somebody, or on the worklist
    of orphans; and nothing else is."""

    advice: ClassVar[str] = "compare the case's last span with its status in fct_cases"
    unexpected_rows_query: str = """
        select coalesce(unheld.case_key, orphans.case_key) as case_key
        from (
            select case_key
            from {build}.fct_cases
            join {build}.fct_ownership_spans as spans using (case_key)
            where is_counted
                and status not in ('solved', 'closed', 'deleted')
                and to_at is null
                and num_nonnulls(spans.department, spans.team, spans.agent_key) = 0
        ) as unheld
        full join {batch} as orphans using (case_key)
        where unheld.case_key is null or orphans.case_key is null
    """


class ExpectVerdictsOfADayToAddUp(Rule):
    """Each span that began on a day has one verdict, and no department holds less than nothing."""

    advice: ClassVar[str] = "see rpt_ownership_daily: a verdict without a column?"
    unexpected_rows_query: str = """
        select day, department, channel from {batch}
        where span_count <> as_policy_count + misrouted_count + contested_count
                + orphaned_count + no_policy_count
            or held_count < 0
    """


class ExpectARuleThatSaysWhereItBelongs(Rule):
    """What is misrouted or contested is so by a rule, which names another holder or answerer."""

    advice: ClassVar[str] = "see verdict in fct_ownership_spans"
    unexpected_rows_query: str = """
        select case_key, span_no from {batch}
        where ownership_policy is null or policy_department is null or {wrong}
    """


class ExpectSharesOfCounts(Rule):
    """Shares are those of the counts beside them."""

    advice: ClassVar[str] = "see the model: a share of something else than it says"
    unexpected_rows_query: str = """
        select {key} from {batch} where {wrong}
    """


class ExpectOneFavouriteWhoLostNothing(Rule):
    """Whom the evidence favours is the same in all rows of a slice, won something, lost nothing."""

    advice: ClassVar[str] = "see won_count and lost_count of the slice in rpt_ownership_scorecard"
    unexpected_rows_query: str = """
        select channel, brand, topic, visibility from {batch}
        group by channel, brand, topic, visibility
        having count(distinct favoured_department) <> 1
            or bool_or(department = favoured_department and (won_count = 0 or lost_count > 0))
    """


def orphans(night: Night) -> ExpectationSuite:
    key = {"key": "case_key"}
    return ExpectationSuite(
        name="orphans",
        expectations=[
            ExpectOneRowPerKey(night, given=key, severity="critical"),
            ExpectTheWorklistToBeWhatNobodyHolds(night, severity="critical"),
        ],
    )


def contested(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="contested",
        expectations=[
            ExpectOneRowPerKey(
                night, given={"key": "case_key, span_no, other_department"}, severity="critical"
            ),
            ExpectARuleThatSaysWhereItBelongs(
                night, given={"wrong": "other_department = department"}, severity="critical"
            ),
        ],
    )


def misrouted(night: Night) -> ExpectationSuite:
    wrong = "department = policy_department and (policy_team is null or team = policy_team)"
    return ExpectationSuite(
        name="misrouted",
        expectations=[
            ExpectOneRowPerKey(night, given={"key": "case_key, span_no"}, severity="critical"),
            ExpectARuleThatSaysWhereItBelongs(night, given={"wrong": wrong}, severity="critical"),
        ],
    )


def daily(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="ownership daily",
        expectations=[
            ExpectOneRowPerKey(
                night, given={"key": "day, department, channel"}, severity="critical"
            ),
            ExpectVerdictsOfADayToAddUp(night, severity="critical"),
        ],
    )


def agent_channels(night: Night) -> ExpectationSuite:
    key = {"key": "agent_key, channel"}
    wrong = (
        "reopened_count > solved_count or response_count > reply_count"
        " or abs(good_share * (good_count + bad_count) - good_count) > 0.001"
    )
    return ExpectationSuite(
        name="agent channels",
        expectations=[
            ExpectOneRowPerKey(night, given=key, severity="critical"),
            ExpectSharesOfCounts(night, given=key | {"wrong": wrong}, severity="critical"),
        ],
    )


def scorecard(night: Night) -> ExpectationSuite:
    key = {"key": "channel, brand, topic, visibility, department"}
    wrong = " or ".join(
        [
            *(
                f"{name}_share not between {name}_low - 0.001 and {name}_high + 0.001"
                for name in ("resolved", "handed_off", "kept", "good")
            ),
            "resolved_case_count > decided_case_count or handed_off_case_count > held_case_count",
            "kept_count > promise_count or good_count > rating_count",
        ]
    )
    return ExpectationSuite(
        name="ownership scorecard",
        expectations=[
            ExpectOneRowPerKey(night, given=key, severity="critical"),
            ExpectSharesOfCounts(night, given=key | {"wrong": wrong}, severity="critical"),
            ExpectOneFavouriteWhoLostNothing(night, severity="critical"),
        ],
    )


def policy_periods(night: Night) -> ExpectationSuite:
    key = {"key": "kind, metric, revised_on, before_policy, after_policy"}
    wrong = (
        "(before_policy = '(none)' and after_policy = '(none)')"
        " or before_kept_count > before_promise_count or after_kept_count > after_promise_count"
    )
    return ExpectationSuite(
        name="policy periods",
        expectations=[
            ExpectOneRowPerKey(night, given=key, severity="critical"),
            ExpectSharesOfCounts(night, given=key | {"wrong": wrong}, severity="critical"),
        ],
    )
