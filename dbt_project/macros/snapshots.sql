{#- The elements of a list that the source shows whole and keeps no history of, with the nights in which they
    were so: source, element_id, version_no, element, seen_from (as_of of the first night that read it so),
    seen_until (as_of of the first that did not; null: it still stands). An element that was gone and came back
    has two versions. -#}
{% macro dated_elements(kind, stream, list) %}
    select
        source,
        element_id,
        version_no,
        element,
        seen_from,
        case when is_still_so = 0 then last_seen_until end as seen_until
    from (
        select
            islands.*,
            max(case when seen_until is null then 1 else 0 end)
                over (partition by source, element_id, version_no) as is_still_so,
            max(seen_until) over (partition by source, element_id, version_no) as last_seen_until
        from (
            select
                marked.*,
                sum(is_start) over (partition by source, element_id order by snapshot_no) as version_no
            from (
                select
                    named.*,
                    case
                        when lag(snapshot_no) over (partition by source, element_id order by snapshot_no) = snapshot_no - 1
                            and lag(content) over (partition by source, element_id order by snapshot_no) = content
                            then 0
                        else 1
                    end as is_start
                from (
                    select
                        elements.*,
                        {{ json_text('element', 'id') }} as element_id,
                        cast(element as {{ dbt.type_string() }}) as content
                    from (
                        select
                            source,
                            snapshot_no,
                            seen_from,
                            seen_until,
                            {{ json_elements('payload', list) }} as element
                        from ({{ snapshots(kind, stream) }}) as snapshots
                    ) as elements
                ) as named
            ) as marked
        ) as islands
    ) as dated
    where is_start = 1
{% endmacro %}

{#- The list as each night read it, where it differs from the night before. -#}
{% macro snapshots(kind, stream) %}
    select
        last_of_night.source,
        last_of_night.payload,
        row_number() over (partition by last_of_night.source order by last_of_night.read_run_no) as snapshot_no,
        runs.as_of as seen_from,
        lead(runs.as_of) over (partition by last_of_night.source order by last_of_night.read_run_no) as seen_until
    from (
        select
            records.source,
            records.payload,
            batches.first_read_run_no as read_run_no,
            row_number() over (
                partition by records.source, batches.first_read_run_no
                order by records.batch_id desc, records.position desc
            ) as last_first
        from {{ source('raw', kind ~ '_' ~ stream) }} as records
        inner join {{ source('ops', 'batches') }} as batches
            on records.batch_id = batches.batch_id
        where batches.first_read_run_no <= {{ reads_up_to() }}
    ) as last_of_night
    inner join {{ source('ops', 'runs') }} as runs
        on last_of_night.read_run_no = runs.run_no
    where last_of_night.last_first = 1
{% endmacro %}
