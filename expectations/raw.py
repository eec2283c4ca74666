"""What this night loaded."""

from typing import ClassVar

from great_expectations import ExpectationSuite

from answerable.quality.night import Night
from answerable.quality.rule import Rule
from answerable.quality.thresholds import HISTORY_DAYS
from answerable.warehouse.setup import RAW_STREAMS, raw_table
from expectations import plausible
from expectations.shared import if_many, many_and_few, since

QUARANTINED_SHARE = 0.01  # of a stream's records in one night
QUARANTINED_FEW = 10  # records: that many stop no night, unless the stream brought no others

# source_kind, stream and batch_id of all that raw holds, of batches that this night read first
STORED = " union all ".join(
    f"select '{kind}' as source_kind, '{stream}' as stream, batch_id "
    f"from raw.{raw_table(kind, stream)} where batch_id in "
    "(select batch_id from ops.batches where first_read_run_no = {run_no})"
    for kind, streams in RAW_STREAMS.items()
    for stream in streams
)
HELD = " union all ".join(
    f"select '{kind}' as source_kind, '{stream}' as stream, "
    f"exists (select from raw.{raw_table(kind, stream)}) as is_held"
    for kind, streams in RAW_STREAMS.items()
    for stream in streams
)

KNOWN_NIGHTS = 5  # published ones, before a stream's fields are known
JUDGED_RECORDS = 20  # of a stream in a night; fewer say nothing of its fields

# fields of tonight's sample; of streams known from nights published before it: the fields that each
# record had, and the types but null that fields were of
FIELDS = f"""
    with tonight as (
        select * from {{batch}}
        where run_no = {{run_no}} and sampled_count >= {JUDGED_RECORDS}
    ),
    nights as (
        select run_no from ops.runs
        where run_no < {{run_no}} and kind = 'nightly' and status = 'published'
        order by run_no desc limit {HISTORY_DAYS}
    ),
    by_night as (
        select
            run_no, source, stream, field,
            sum(record_count) >= max(sampled_count) as is_in_every_record
        from {{batch}} as profiles
        join nights using (run_no)
        group by run_no, source, stream, field
    ),
    streams as (
        select source, stream, count(distinct run_no) as night_count from by_night
        group by source, stream having count(distinct run_no) >= {KNOWN_NIGHTS}
    ),
    always as (
        select by_night.source, by_night.stream, field
        from by_night
        join streams using (source, stream)
        where is_in_every_record
        group by by_night.source, by_night.stream, field, night_count
        having count(*) = night_count
    ),
    types as (
        select distinct source, stream, field, json_type
        from {{batch}} as profiles
        join nights using (run_no)
        join streams using (source, stream)
        where json_type <> 'null'
    )
"""


SAME_SECONDS = 60  # a ticket and its event tell an instant apart by no more

# Tickets and their events are told apart, and tell the same. Of sources of which both came whole
# tonight: tickets that this night read first, by their last update; events that it read, or that
# the night before read after its end.
TOLD_TWICE = f"""
    with whole as (
        select stream_runs.source
        from ops.stream_runs
        join ops.runs on stream_runs.run_id = runs.run_id
        where runs.run_no = {{run_no}} and stream_runs.status = 'landed'
            and stream_runs.stream in ('tickets', 'ticket_events')
        group by stream_runs.source
        having count(distinct stream_runs.stream) = 2
    ),
    tickets as (
        select
            source, record_key as ticket_id,
            cast(payload ->> 'updated_at' as timestamptz) at time zone 'UTC' as updated_at
        from raw.zendesk_tickets
        where batch_id in (
                select batch_id from ops.batches where first_read_run_no >= {{since_run_no}}
            )
            and payload ->> 'updated_at' ~ '^[0-9-]+T[0-9:]+Z$'
            and source in (select source from whole)
    ),
    events as (
        select
            source, record_key, payload ->> 'ticket_id' as ticket_id,
            to_timestamp(cast(payload ->> 'timestamp' as numeric)) at time zone 'UTC' as happened_at
        from raw.zendesk_ticket_events
        where batch_id in (
                select batch_id from ops.batches where first_read_run_no >= {{since_run_no}}
            )
            and source in (select source from whole)
    ),
    updates as (
        select * from tickets
        where updated_at >= {{since}} and updated_at < {{as_of}}
    ),
    tickets_without as (
        select updates.source, updates.ticket_id
        from updates
        where not exists (
            select from events
            where events.source = updates.source and events.ticket_id = updates.ticket_id
                and abs(extract(epoch from events.happened_at - updates.updated_at))
                    <= {SAME_SECONDS}
        )
    ),
    happened as (
        select * from events
        where happened_at >= {{since}} and happened_at < {{as_of}}
    ),
    events_without as (
        select happened.source, happened.record_key
        from happened
        where not exists (
            select from tickets
            where tickets.source = happened.source and tickets.ticket_id = happened.ticket_id
                and tickets.updated_at >= happened.happened_at - interval '{SAME_SECONDS} seconds'
        )
    )
"""
ASK_THE_SOURCE = (
    "tickets and their events are two exports of the same: one of them is not whole or tells other "
    "times or ids. Ask the help desk for one of these tickets by hand; `answerable backfill` pulls "
    "the day again when it is well"
)


UPDATES_WITHOUT = TOLD_TWICE + "select source, ticket_id from tickets_without"
EVENTS_WITHOUT = TOLD_TWICE + "select source, record_key from events_without"


class ExpectEachUpdateToHaveItsEvent(Rule):
    """What changed a ticket since what is published came with the events, too."""

    advice: ClassVar[str] = ASK_THE_SOURCE
    unexpected_rows_query: str = UPDATES_WITHOUT


class ExpectMostUpdatesToHaveTheirEvents(ExpectEachUpdateToHaveItsEvent):
    """What changed tickets since what is published came with the events, but for few."""

    unexpected_rows_query: str = UPDATES_WITHOUT + if_many("tickets_without", "updates")


class ExpectEachEventToHaveItsTicket(Rule):
    """A ticket to which something happened since what is published came as of then, too."""

    advice: ClassVar[str] = ASK_THE_SOURCE
    unexpected_rows_query: str = EVENTS_WITHOUT


class ExpectMostEventsToHaveTheirTickets(ExpectEachEventToHaveItsTicket):
    """Tickets to which something happened since what is published came, too, but for few."""

    unexpected_rows_query: str = EVENTS_WITHOUT + if_many("events_without", "happened")


class ExpectLandedToBeLoadedOrAccountedFor(Rule):
    """Each landed record was loaded, superseded or quarantined, and is where the ledger says."""

    advice: ClassVar[str] = (
        "raw and its ledger contradict: restore both from the same backup, or drop both and run "
        "the night again, which loads everything from landing anew"
    )
    unexpected_rows_query: str = f"""
        select batches.batch_id, batches.source, batches.stream
        from {{batch}} as batches
        left join (
            select batch_id, count(*) as row_count from ({STORED}) as stored group by batch_id
        ) as loaded
            on batches.batch_id = loaded.batch_id
        left join (
            select batch_id, count(*) as row_count from raw.quarantine group by batch_id
        ) as quarantined
            on batches.batch_id = quarantined.batch_id
        where batches.first_read_run_no = {{run_no}}
            and (
                record_count <> loaded_count + superseded_count + quarantined_count
                or coalesce(loaded.row_count, 0) <> loaded_count
                or coalesce(quarantined.row_count, 0) <> quarantined_count
            )
    """


class ExpectNoStreamLost(Rule):
    """A stream of which records were once loaded still has records."""

    advice: ClassVar[str] = (
        "somebody emptied the raw table; restore it, or drop the schemas raw and ops and run the "
        "night again, which loads everything from landing anew"
    )
    unexpected_rows_query: str = f"""
        select batches.source, batches.stream
        from {{batch}} as batches
        join ({HELD}) as held
            on batches.source_kind = held.source_kind and batches.stream = held.stream
        where not held.is_held
        group by batches.source, batches.stream
        having sum(loaded_count) > 0
    """


class ExpectLittleQuarantine(Rule):
    """Of a stream's records in one night, few cannot be read."""

    advice: ClassVar[str] = (
        "read raw.quarantine by reason: a changed export or API needs its description or staging "
        "model changed"
    )
    unexpected_rows_query: str = f"""
        select source, stream, sum(quarantined_count) || ' of ' || sum(record_count) as share
        from {{batch}}
        where first_read_run_no = {{run_no}}
        group by source, stream
        having sum(quarantined_count) > {QUARANTINED_SHARE} * sum(record_count)
            and (
                sum(quarantined_count) > {QUARANTINED_FEW}
                or sum(quarantined_count) = sum(record_count) and sum(record_count) > 1
            )
    """


class ExpectNoQuarantine(Rule):
    """Every record can be read."""

    advice: ClassVar[str] = "read raw.quarantine by reason; these records are in no figure"
    unexpected_rows_query: str = """
        select source, stream, sum(quarantined_count) || ' of ' || sum(record_count) as share
        from {batch}
        where first_read_run_no = {run_no}
        group by source, stream
        having sum(quarantined_count) > 0
    """


class ExpectEveryStreamToAnswer(Rule):
    """Every stream of this night came through."""

    advice: ClassVar[str] = (
        "the report goes without news from it; its error is in ops.stream_runs. Credentials, "
        "rights or limits of the account?"
    )
    unexpected_rows_query: str = """
        select stream_runs.source, stream_runs.stream
        from {batch} as stream_runs
        join ops.runs on stream_runs.run_id = runs.run_id
        where runs.run_no = {run_no} and stream_runs.status in ('failed', 'out_of_credits')
    """


class ExpectEveryStreamToBeReadWhole(Rule):
    """No stream stopped on its way because the night's budget was spent."""

    advice: ClassVar[str] = (
        "its error in ops.stream_runs says what is not read yet, and the next night goes on there; "
        "where that happens night after night, give the connection a larger budget"
    )
    unexpected_rows_query: str = """
        select stream_runs.source, stream_runs.stream
        from {batch} as stream_runs
        join ops.runs on stream_runs.run_id = runs.run_id
        where runs.run_no = {run_no} and stream_runs.status = 'incomplete'
    """


class ExpectNoNewHole(Rule):
    """Nothing fell out of a source's reach before this night could pull it."""

    advice: ClassVar[str] = (
        "nobody can pull it any more: figures of those days are too low (see ops.holes). Were "
        "nights left out, or is the budget too small?"
    )
    unexpected_rows_query: str = """
        select holes.source, holes.stream, holes.part
        from ops.holes
        join {batch} as batches on holes.batch_id = batches.batch_id
        where batches.first_read_run_no = {run_no}
    """


class ExpectNoStreamToFallSilent(Rule):
    """A stream that brought records in each of the last seven nights brings some tonight."""

    advice: ClassVar[str] = (
        "ask the source by hand for something of today: a filter or a right may have changed"
    )
    unexpected_rows_query: str = """
        select source, stream from (
            select
                stream_runs.source, stream_runs.stream, runs.run_no, stream_runs.record_count,
                count(*) over before as nights,
                min(stream_runs.record_count) over before as least
            from {batch} as stream_runs
            join ops.runs on stream_runs.run_id = runs.run_id
            where stream_runs.status = 'landed' and runs.kind = 'nightly'
            window before as (
                partition by stream_runs.source, stream_runs.stream order by runs.run_no
                rows between 7 preceding and 1 preceding
            )
        ) as history
        where run_no = {run_no} and record_count = 0 and nights = 7 and least > 0
    """


class ExpectNoFieldLost(Rule):
    """A field that every record of a stream always had is in some record of tonight's."""

    advice: ClassVar[str] = (
        "the API or the export has changed: look into its documentation, and let the staging model "
        "or the description read what is there now; if we never needed the field, accept it"
    )
    unexpected_rows_query: str = (
        FIELDS
        + """
        select always.source, always.stream, always.field
        from always
        where exists (
                select from tonight
                where tonight.source = always.source and tonight.stream = always.stream
            )
            and not exists (
                select from tonight
                where (tonight.source, tonight.stream, tonight.field)
                    = (always.source, always.stream, always.field)
            )
    """
    )


class ExpectFieldTypesToStay(Rule):
    """What a field holds is of a JSON type that it was of before."""

    advice: ClassVar[str] = (
        "the API or the export has changed: see how the staging model reads the field, and whether "
        "it reads the new type alike"
    )
    unexpected_rows_query: str = (
        FIELDS
        + f"""
        select source, stream, field, string_agg(json_type, ', ' order by json_type) as found
        from tonight
        where json_type <> 'null'
            and (source, stream, field) in (select source, stream, field from types)
        group by source, stream, field
        having sum(record_count) >= {JUDGED_RECORDS}
            and not bool_or(
                (source, stream, field, json_type) in (
                    select source, stream, field, json_type from types
                )
            )
    """
    )


class ExpectNoNewField(Rule):
    """Fields of a stream, and their types, are known."""

    advice: ClassVar[str] = (
        "the API or the export has something new; nothing is lost, it is in raw. Is it of use?"
    )
    unexpected_rows_query: str = (
        FIELDS
        + """
        select source, stream, field, json_type
        from tonight
        join streams using (source, stream)
        left join types using (source, stream, field, json_type)
        where types.field is null and json_type <> 'null' and field not like '%(other)'
            and record_count >= 2 and record_count >= 0.05 * sampled_count
    """
    )


class ExpectPurgesToBeFinished(Rule):
    """A purge that was begun has reached everything."""

    advice: ClassVar[str] = "it was killed on its way: `answerable purge <source>` finishes it"
    unexpected_rows_query: str = """
        select source, record_key from ops.purges where finished_at is null
    """


class ExpectNoVersionTwice(Rule):
    """A record that did not change is stored once."""

    advice: ClassVar[str] = (
        "the load step compared with something else than the newest version; dirty keys and counts "
        "of records are too high, no figure is wrong. Report it"
    )
    unexpected_rows_query: str = """
        select source, record_key from (
            select
                source, record_key, version, record_hash, batch_id,
                lag(version) over versions as previous_version,
                lag(record_hash) over versions as previous_hash
            from {batch}
            where (source, record_key) in (
                select source, record_key from {batch} where batch_id in (
                    select batch_id from ops.batches where first_read_run_no = {run_no}
                )
            )
            window versions as (
                partition by source, record_key order by version, batch_id, position
            )
        ) as versions
        where version = previous_version and record_hash = previous_hash
    """


def batches(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="loaded batches",
        expectations=[
            ExpectLandedToBeLoadedOrAccountedFor(night, severity="critical"),
            ExpectNoStreamLost(night, severity="critical"),
            ExpectLittleQuarantine(night, severity="critical"),
            ExpectNoQuarantine(night, severity="warning"),
            ExpectNoNewHole(night, severity="warning"),
            ExpectPurgesToBeFinished(night, severity="warning"),
        ],
    )


def stream_runs(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="streams",
        expectations=[
            ExpectEveryStreamToAnswer(night, severity="warning"),
            ExpectEveryStreamToBeReadWhole(night, severity="warning"),
            ExpectNoStreamToFallSilent(night, severity="warning"),
            *plausible.stream_rules(night),
            *_told_twice(night),
        ],
    )


def _told_twice(night: Night) -> list[Rule]:
    """Of a night that follows a published one and brought tickets or events of them."""
    if night.published_as_of is None:
        return []
    if not {"zendesk_tickets", "zendesk_ticket_events"} & set(night.streams):
        return []
    given = {"since_run_no": str(night.published_up_to), "since": since(night)}
    return [
        *many_and_few(
            ExpectMostUpdatesToHaveTheirEvents, ExpectEachUpdateToHaveItsEvent, night, given
        ),
        *many_and_few(
            ExpectMostEventsToHaveTheirTickets, ExpectEachEventToHaveItsTicket, night, given
        ),
    ]


def stream_profiles(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="fields",
        expectations=[
            ExpectNoFieldLost(night, severity="critical"),
            ExpectFieldTypesToStay(night, severity="critical"),
            ExpectNoNewField(night, severity="warning"),
        ],
    )


def records(night: Night) -> ExpectationSuite:
    return ExpectationSuite(
        name="raw records", expectations=[ExpectNoVersionTwice(night, severity="critical")]
    )
