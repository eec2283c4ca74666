{#- Which rule is the first that matches, for each combination of values that occurs and each stretch of time
    in which the answer stays the same. Rules match by rank, a blank condition matches anything. Matching
    each combination once, and not each row, keeps the cost of rules away from the number of rows.

    subjects: a relation with the dimensions, distinct, '' for none;  rules: a relation with rule_key,
    rule_rank, valid_from_at, valid_until_at and the same dimensions;  same: dimensions that must be equal,
    like a metric;  condition: SQL on `subjects` and `rules` that must hold besides.
    Gives the dimensions, from_at, until_at, rule_key. -#}
{% macro first_matching_rules(subjects, rules, dimensions, same=[], condition="1 = 1") %}
    -- one number in the place of the combination: the joins below are on it alone
    rule_subjects as (
        select
            subjects.*,
            row_number() over (order by {{ (same + dimensions) | join(", ") }}) as subject_no
        from {{ subjects }} as subjects
    ),

    rule_matches as (
        select
            subjects.*,
            rules.rule_key,
            rules.rule_rank,
            rules.valid_from_at,
            rules.valid_until_at
        from rule_subjects as subjects
        inner join {{ rules }} as rules
            on {{ condition }}
            {%- for column in same %}
            and subjects.{{ column }} = rules.{{ column }}
            {%- endfor %}
            {%- for column in dimensions %}
            and {{ rule_matches("rules." ~ column, "subjects." ~ column) }}
            {%- endfor %}
    ),

    rule_turns as (
        select subject_no, valid_from_at as from_at from rule_matches
        union
        select subject_no, valid_until_at from rule_matches
    ),

    rule_stretches as (
        select
            subject_no,
            from_at,
            lead(from_at) over (partition by subject_no order by from_at) as until_at
        from rule_turns
    ),

    ranked_rules as (
        select
            rule_matches.*,
            rule_stretches.from_at,
            rule_stretches.until_at,
            row_number() over (
                partition by rule_stretches.subject_no, rule_stretches.from_at
                order by rule_matches.rule_rank, rule_matches.rule_key
            ) as first_first
        from rule_stretches
        inner join rule_matches
            on rule_stretches.subject_no = rule_matches.subject_no
            and rule_stretches.from_at >= rule_matches.valid_from_at
            and rule_stretches.from_at < rule_matches.valid_until_at
    ),

    first_rules as (
        select * from ranked_rules where first_first = 1
    )
{% endmacro %}
