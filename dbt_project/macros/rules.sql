{#- Which rule is the first that matches, for each combination of values that occurs and each stretch of time
    in which the answer stays the same. Rules match by rank, a blank condition matches anything. Matching
    each combination once, and not each row, keeps the cost of rules away from the number of rows.

    subjects: a relation with the dimensions, distinct, '' for none;  rules: a relation with rule_key,
    rule_rank, valid_from_at, valid_until_at and the same dimensions;  same: dimensions that must be equal,
    like a metric;  condition: SQL on `subjects` and `rules` that must hold besides.
    Gives the dimensions, from_at, until_at, rule_key. -#}
{% macro first_matching_rules(subjects, rules, dimensions, same=[], condition="1 = 1") %}
    matching as (
        select
            {% for column in same + dimensions -%}
            subjects.{{ column }},
            {% endfor -%}
            rules.rule_key,
            rules.rule_rank,
            rules.valid_from_at,
            rules.valid_until_at
        from {{ subjects }} as subjects
        inner join {{ rules }} as rules
            on {{ condition }}
            {%- for column in same %}
            and subjects.{{ column }} = rules.{{ column }}
            {%- endfor %}
            {%- for column in dimensions %}
            and {{ rule_matches("rules." ~ column, "subjects." ~ column) }}
            {%- endfor %}
    ),

    turns as (
        select {{ (same + dimensions) | join(", ") }}, valid_from_at as from_at from matching
        union
        select {{ (same + dimensions) | join(", ") }}, valid_until_at from matching
    ),

    stretches as (
        select
            turns.*,
            lead(turns.from_at) over (partition by {{ (same + dimensions) | join(", ") }} order by turns.from_at) as until_at
        from turns
    ),

    ranked_rules as (
        select
            {% for column in same + dimensions -%}
            stretches.{{ column }},
            {% endfor -%}
            stretches.from_at,
            stretches.until_at,
            matching.rule_key,
            row_number() over (
                partition by
                    {% for column in same + dimensions -%}
                    stretches.{{ column }},
                    {% endfor -%}
                    stretches.from_at
                order by matching.rule_rank, matching.rule_key
            ) as first_first
        from stretches
        inner join matching
            on stretches.from_at >= matching.valid_from_at
            and stretches.from_at < matching.valid_until_at
            {%- for column in same + dimensions %}
            and stretches.{{ column }} = matching.{{ column }}
            {%- endfor %}
    ),

    first_rules as (
        select * from ranked_rules where first_first = 1
    )
{% endmacro %}
