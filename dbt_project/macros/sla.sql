{#- What SLA rules look at in a case, but for its priority, which changes: one text, so that clocks and rules
    meet on equality. `cases`: a relation with the columns of int_cases. -#}
{% macro sla_subject(cases) -%}
    {{ cases }}.source || '|' || {{ cases }}.channel || '|' || coalesce({{ cases }}.visibility, '')
    || '|' || {{ cases }}.purpose || '|' || coalesce({{ cases }}.brand, '') || '|' || {{ cases }}.topic
    || '|' || {{ cases }}.customer_tier || '|' || case when {{ cases }}.source_due_at is null then 'no' else 'yes' end
{%- endmacro %}

{#- How many rules of the policy are so: a model that asks this once need not work for what nobody promised. `condition` names them `promised`. -#}
{% macro rules_such_that(condition) -%}
    (select count(*) from {{ ref('stg_policy__sla_policies') }} as promised where {{ condition }})
{%- endmacro %}

{#- What a row of rpt_sla_compliance_daily counts together, of a relation with the columns of fct_sla_clocks. -#}
{% macro sla_group(clocks) -%}
    {{ clocks }}.day,
    {{ clocks }}.metric,
    coalesce({{ clocks }}.department, '(none)') as department,
    coalesce({{ clocks }}.team, '(none)') as team,
    {{ clocks }}.channel,
    coalesce({{ clocks }}.brand, '(none)') as brand,
    coalesce({{ clocks }}.priority, '(none)') as priority
{%- endmacro %}

{% macro delete_dirty_sla_groups() -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where (day, metric, department, team, channel, brand, priority) in (
            select day, metric, department, team, channel, brand, priority from {{ ref('int_dirty_sla_groups') }}
        )
    {%- endif -%}
{%- endmacro %}

{#- Business time is subtraction: the schedule's open seconds up to an instant, of the row of int_business_slices that
    `is_slice_of` joins. -#}
{% macro open_seconds_until(slices, at) -%}
    {{ slices }}.open_seconds_before + case when {{ slices }}.is_open then {{ seconds_between(slices ~ '.slice_from', at) }} else 0 end
{%- endmacro %}

{% macro is_slice_of(slices, schedule, at) -%}
    {{ schedule }} = {{ slices }}.schedule
        and cast({{ at }} as date) = {{ slices }}.utc_day
        and {{ at }} >= {{ slices }}.slice_from
        and {{ at }} < {{ slices }}.slice_until
{%- endmacro %}

{#- Open hours stay as they were made while they reach far enough: policies that change rebuild everything. -#}
{% macro delete_slices_that_end_early() -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where (select count(*) from {{ this }} where slice_until >= {{ last_day_of_slices() }}) = 0
            or (
                select count(*)
                from {{ ref('int_cases') }}
                where case_key in (select case_key from {{ ref('int_dirty_cases') }})
                    and opened_at < (select min(slice_from) from {{ this }}) + interval '1 year'
            ) > 0
    {%- endif -%}
{%- endmacro %}

{#- Ten years after as_of and up to one more, so that the days are the same each night of a year. -#}
{% macro last_day_of_slices() -%}
    (date_trunc('year', {{ as_of() }}) + interval '11 years')
{%- endmacro %}

{% macro delete_hours_of_other_slices() -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where (select min(slice_from) from {{ ref('int_business_slices') }} where is_open) is distinct from (select min(slice_from) from {{ this }})
            or (select max(slice_from) from {{ ref('int_business_slices') }} where is_open) is distinct from (select max(slice_from) from {{ this }})
    {%- endif -%}
{%- endmacro %}
