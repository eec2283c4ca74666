-- The permanent schemas and the tables that the engine itself keeps. Run before every night;
-- each statement may find its work done. dbt owns `build`, publishing owns `marts` and `private`.

create schema if not exists raw;
create schema if not exists ops;
create schema if not exists build;
create schema if not exists identity;
create schema if not exists marts;
create schema if not exists private;
create schema if not exists access;

-- One row per run. run_no orders runs; the batches that a run reads are those that
-- a run up to `reads_up_to` was the first to read, so a replay reads what its night read.
create table if not exists ops.runs (
    run_id text primary key,
    run_no bigint generated always as identity unique,
    kind text not null check (kind in ('nightly', 'replay', 'backfill')),
    as_of timestamp not null,
    schema_prefix text not null default '',
    input text not null check (input in ('sandbox', 'accounts', 'files')),
    streams jsonb not null default '[]',
    reads_up_to bigint,
    replays_run_no bigint,
    is_full boolean,
    fingerprint text,
    status text not null default 'running'
        check (status in ('running', 'failed', 'published', 'rolled_back', 'abandoned', 'done')),
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    report_path text
);

do $$
begin
    if not exists (
        select from pg_constraint
        where conrelid = 'ops.runs'::regclass and pg_get_constraintdef(oid) like '%backfill%'
    ) then
        alter table ops.runs
            drop constraint runs_kind_check,
            add constraint runs_kind_check check (kind in ('nightly', 'replay', 'backfill')),
            drop constraint runs_status_check,
            add constraint runs_status_check check (
                status in ('running', 'failed', 'published', 'rolled_back', 'abandoned', 'done')
            );
    end if;
end $$;

-- One row per landed object that was loaded, written in the transaction that copied its rows.
create table if not exists ops.batches (
    batch_id bigint generated always as identity primary key,
    source text not null,
    source_kind text not null,
    stream text not null,
    object text not null unique,
    sha256 text not null,
    landed_by_run text,
    cursor_from text,
    cursor_to text,
    record_count bigint not null,
    loaded_count bigint not null,
    superseded_count bigint not null,
    quarantined_count bigint not null,
    loaded_at timestamptz not null default now(),
    first_read_run_no bigint,
    walk integer,
    is_last boolean,
    -- nothing of the batch is stored in a version above it; null with rows: not known
    newest_version numeric,
    -- when its first page was given, by the source's own clock; null: it did not say
    observed_at timestamp,
    check (record_count = loaded_count + superseded_count + quarantined_count)
);
create index if not exists batches_first_read on ops.batches (first_read_run_no);

-- Each time that raw was made again from the landing zone. The night after it builds in full.
create table if not exists ops.raw_rebuilds (
    rebuild_no bigint generated always as identity primary key,
    rebuilt_at timestamptz not null default now(),
    object_count bigint not null,
    record_count bigint not null,
    loaded_count bigint not null,
    superseded_count bigint not null,
    quarantined_count bigint not null
);

create table if not exists ops.watermarks (
    source text not null,
    stream text not null,
    cursor text not null,
    batch_id bigint,
    moved_at timestamptz not null default now(),
    primary key (source, stream)
);

-- What happened to each stream in each run; `publication` reads the last good time from here.
create table if not exists ops.stream_runs (
    run_id text not null references ops.runs (run_id),
    source text not null,
    source_kind text not null,
    stream text not null,
    status text not null constraint stream_runs_status
        check (status in ('landed', 'failed', 'not_available', 'incomplete', 'out_of_credits')),
    page_count bigint not null default 0,
    record_count bigint not null default 0,
    error text,
    read_count bigint,
    cost numeric,
    finished_at timestamptz not null default now(),
    primary key (run_id, source, stream)
);
do $$
begin
    if not exists (
        select from pg_constraint
        where conrelid = 'ops.stream_runs'::regclass and conname = 'stream_runs_status'
    ) then
        alter table ops.stream_runs
            drop constraint if exists stream_runs_status_check,
            add constraint stream_runs_status check (
                status in ('landed', 'failed', 'not_available', 'incomplete', 'out_of_credits')
            );
    end if;
end $$;

-- Posts of which nothing but ids, instants and links may be kept (`answerable purge`), by their first
-- id; `ids` has their edits, too. Without finished_at the next call finishes it.
create table if not exists ops.purges (
    source text not null,
    record_key text not null,
    ids text[] not null,
    purged_at timestamptz not null default now(),
    finished_at timestamptz,
    primary key (source, record_key)
);

-- What was read of sources that charge for it, each resource once per UTC day, as they charge it.
-- Old days go; what a night cost stays in ops.stream_runs.
create table if not exists ops.reads (
    source text not null,
    read_on date not null,
    resource text not null,
    run_id text not null references ops.runs (run_id),
    stream text not null,
    price numeric not null,
    primary key (source, read_on, resource)
);
create index if not exists reads_run on ops.reads (run_id, source);

-- Stretches of a source's past that nobody can pull any more, written in the transaction in which
-- the watermark passes them.
create table if not exists ops.holes (
    batch_id bigint not null,
    hole_no integer not null,
    source text not null,
    stream text not null,
    part text not null,
    from_at timestamp not null,
    until_at timestamp not null,
    after_id text,
    before_id text,
    reason text not null,
    primary key (batch_id, hole_no)
);

-- Access and refresh tokens of accounts, encrypted; the key is in nobody's database. Refresh tokens
-- are good for one use, so what is here is the only pair that the source still takes.
create table if not exists ops.oauth_tokens (
    source text primary key,
    seed_sha256 text not null,  -- of the refresh token in the connection that all this began with
    access_token bytea,
    refresh_token bytea not null,
    expires_at timestamptz,
    renewed_at timestamptz,
    asked_at timestamptz  -- an exchange whose answer is not stored; null: none
);

create table if not exists raw.quarantine (
    quarantine_id bigint generated always as identity primary key,
    batch_id bigint not null references ops.batches (batch_id),
    source text not null,
    stream text not null,
    position bigint not null,
    reason text not null,
    file text,
    line bigint,
    column_name text,
    value text,
    untouched bytea not null,
    quarantined_at timestamptz not null default now(),
    retried_batch_id bigint references ops.batches (batch_id)
);

create table if not exists ops.dbt_results (
    run_id text not null,
    part text not null,
    attempt_at timestamptz not null default now(),
    node text not null,
    status text not null,
    started_at timestamptz,
    seconds double precision,
    row_count bigint,
    message text
);

-- What was accepted of a rule that does not hold, for the nights (days of the company) from one up
-- to another. Ended ones stay: the report of a night of then names them.
create table if not exists ops.accepted_exceptions (
    exception_no bigint generated always as identity primary key,
    table_name text not null,
    rule text not null,
    most_rows bigint not null,
    from_night date not null,
    until_night date not null check (until_night > from_night),
    reason text not null,
    owner text not null,
    accepted_at timestamptz not null default now(),
    ended_at timestamptz
);

create table if not exists ops.check_results (
    run_id text not null references ops.runs (run_id),
    stage text not null check (stage in ('raw', 'build')),
    checked_at timestamptz not null default now(),
    suite text not null,
    table_name text not null,
    rule text not null,
    severity text not null check (severity in ('critical', 'warning')),
    is_success boolean not null,
    unexpected_count bigint,
    example_keys jsonb not null default '[]',
    advice text,
    exception_no bigint references ops.accepted_exceptions (exception_no)
);

-- Which brands a role in answerable_brand_reader sees (`answerable grants --role`). The view is what the
-- policies of tables with a brand ask: a role sees its own rows in it.
create table if not exists ops.reader_brands (
    reader text not null,
    brand text not null,
    primary key (reader, brand)
);
do $$
begin
    -- asked first, since `or replace` would wait for whoever reads it
    if to_regclass('access.my_brands') is null then
        create view access.my_brands with (security_barrier) as
        select brand from ops.reader_brands where reader = current_user;
    end if;
end $$;

-- What was told to whom of a night (`ANSWERABLE_NOTIFY`), so that the same is told once. Without
-- told_at it did not get through, and the next time tries again.
create table if not exists ops.notifications (
    notification_no bigint generated always as identity primary key,
    run_id text not null references ops.runs (run_id),
    event text not null check (event in ('red', 'failed', 'warnings', 'recovered')),
    channel text not null,
    sha256 text not null,
    asked_at timestamptz not null default now(),
    told_at timestamptz,
    error text,
    unique (run_id, event, channel, sha256)
);

-- Which fields a sample of a stream's records had that a night was the first to read, at the top
-- and one level down ("via.channel"), by JSON type.
create table if not exists ops.stream_profiles (
    run_no bigint not null references ops.runs (run_no),
    source text not null,
    stream text not null,
    field text not null,
    json_type text not null,
    record_count bigint not null,
    sampled_count bigint not null,
    primary key (run_no, source, stream, field, json_type)
);

-- What history makes plausible: a row a night, rule, table and subject, with what was found and the
-- bounds between which it may lie (null: none), learnt from how many days, from one up to another.
create table if not exists ops.thresholds (
    run_no bigint not null references ops.runs (run_no),
    stage text not null check (stage in ('raw', 'build')),
    table_name text not null,
    rule text not null,
    subject text not null,
    day date not null,
    found double precision not null,
    lower double precision,
    upper double precision,
    learnt_count integer not null,
    learnt_from date,
    learnt_until date,
    is_held boolean not null,
    how text not null,
    primary key (run_no, stage, table_name, rule, subject)
);

-- One row per publication; the newest not rolled back is what readers see.
create table if not exists ops.publications (
    publication_no bigint generated always as identity primary key,
    run_id text not null unique references ops.runs (run_id),
    run_no bigint not null,
    schema_prefix text not null default '',
    as_of timestamp not null,
    reads_up_to bigint not null,
    fingerprint text not null,
    published_at timestamptz not null default now(),
    row_changes jsonb not null default '{}',
    can_undo boolean not null default true,
    rolled_back_at timestamptz
);

-- Columns that tables of earlier warehouses lack. Asked first, since ALTER locks even where it has
-- nothing to do.
do $$
declare
    missing record;
begin
    for missing in
        select added.*
        from (
            values
                ('ops.batches', 'walk', 'integer'),
                ('ops.batches', 'is_last', 'boolean'),
                ('ops.batches', 'newest_version', 'numeric'),
                ('ops.batches', 'observed_at', 'timestamp'),
                ('ops.stream_runs', 'read_count', 'bigint'),
                ('ops.stream_runs', 'cost', 'numeric'),
                ('raw.quarantine', 'retried_batch_id', 'bigint references ops.batches (batch_id)'),
                ('ops.dbt_results', 'started_at', 'timestamptz'),
                (
                    'ops.check_results', 'exception_no',
                    'bigint references ops.accepted_exceptions (exception_no)'
                )
        ) as added (table_name, column_name, column_type)
        left join pg_attribute
            on pg_attribute.attrelid = added.table_name::regclass
            and pg_attribute.attname = added.column_name
        where pg_attribute.attrelid is null
    loop
        execute format(
            'alter table %s add column %I %s',
            missing.table_name, missing.column_name, missing.column_type
        );
    end loop;
end $$;

-- One row per walk of a stream. A walk that died or failed never came to its last object; what it
-- had landed by then is whole and counts.
create or replace view ops.walks as
select
    source,
    stream,
    regexp_replace(object, '/[^/]*$', '') as folder,
    walk,
    bool_or(is_last) as is_finished,
    count(*) as object_count,
    sum(record_count) as record_count,
    min(loaded_at) as loaded_at
from ops.batches
where walk > 0
group by 1, 2, 3, 4;
