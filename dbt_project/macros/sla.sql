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
