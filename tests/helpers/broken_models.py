"""Ways to break models and macros, and for each the test of dbt's that has to notice."""

from itertools import groupby

# model, what it says, what it is made to say, the unit test that has to fail
MODELS = [
    (
        "stg_zendesk__tickets",
        "case when records.is_scrubbed then before_the_scrub.payload else records.payload end",
        "records.payload",
        "a_scrub_blanks_nothing_that_was_known",
    ),
    (
        "stg_zendesk__satisfaction_ratings",
        "< {{ as_of() }}",
        "<= {{ as_of() }}",
        "the_last_answer_before_as_of_is_the_rating",
    ),
    (
        "stg_zendesk__metric_events",
        "where coalesce({{ json_text('payload', 'deleted') }}, 'false') <> 'true'",
        "",
        "promises_to_customers_and_groups_are_events_alike",
    ),
    (
        "stg_zendesk__schedules",
        "least(open_times.last_minute - days.midnight, 1440)",
        "open_times.last_minute - days.midnight",
        "open_times_are_of_weekdays_and_zones_are_iana_s",
    ),
    (
        "stg_zendesk__ticket_merges",
        "    inner join closed\n        on telling",
        "    left join closed\n        on telling",
        "notes_and_a_tag_tell_of_merges",
    ),
    (
        "stg_zendesk__ticket_merges",
        "and not coalesce({{ json_list_has(json_value('child', 'previous_value'), tag) }}, false)",
        "",
        "notes_and_a_tag_tell_of_merges",
    ),
    (
        "int_case_merges",
        "coalesce(further.surviving_case_key, chains.surviving_case_key)",
        "chains.surviving_case_key",
        "a_chain_of_merges_ends_at_the_last_survivor",
    ),
    (
        "int_case_merges",
        "case when further.surviving_case_key is null then chains.surviving_case_key end",
        "chains.surviving_case_key",
        "a_chain_of_merges_ends_at_the_last_survivor",
    ),
    (
        "int_case_merges",
        "where told_at < {{ as_of() }}",
        "",
        "a_chain_of_merges_ends_at_the_last_survivor",
    ),
    (
        "int_interaction_records",
        "where ticket_merges.source = comments.source\n                and",
        "where",
        "an_internal_note_is_no_interaction",
    ),
    (
        "int_message_matches",
        "edit_id as version_id",
        "post_id as version_id",
        "comment_and_post_meet_by_the_network_s_id",
    ),
    (
        "stg_zendesk__ticket_changes",
        "then coalesce({{ json_text('child', 'assignee_id') }}, '') end",
        "then {{ json_text('child', 'assignee_id') }} end",
        "null_says_nobody_and_an_absent_field_says_nothing",
    ),
    (
        "int_x_posts",
        "when ranked.newest_post_id = ranked.post_id then ranked.created_at",
        "when true then ranked.created_at",
        "an_edited_post_keeps_its_first_id_and_its_first_time",
    ),
    (
        "int_interactions",
        "and not with_case.is_bot",
        "and true",
        "a_bot_s_message_is_no_reply_and_tomorrow_s_does_not_exist",
    ),
    (
        "int_interactions",
        "and not coalesce(with_case.is_deleted, false)",
        "",
        "where_a_file_names_no_conversation_the_replies_make_it",
    ),
    (
        "int_interactions",
        "            matters.ticket_case_key,\n",
        "",
        "a_post_that_is_a_comment_too_is_one_and_the_ticket_is_its_case",
    ),
    (
        "int_interactions",
        "and addressed.matter_of_identifier_key = matters.matter_of_identifier_key",
        "",
        "another_customer_in_the_thread_has_a_case_of_their_own",
    ),
    (
        "int_interactions",
        "        with_case.recipient_identifier_key,\n",
        "",
        "a_call_has_a_customer_and_no_case",
    ),
    (
        "int_interactions",
        "coalesce(case_merges.surviving_case_key, with_case.resolved_case_key) as case_key",
        "coalesce(case_merges.into_case_key, with_case.resolved_case_key) as case_key",
        "what_was_written_in_a_merged_ticket_is_of_the_one_that_goes_on",
    ),
    (
        "int_cases",
        "messages_of_cases.occurred_at >= messages.first_inbound_at",
        "messages_of_cases.occurred_at > messages.first_inbound_at",
        "the_first_reply_of_a_person_to_a_message_counts",
    ),
    (
        "int_cases",
        "order by absorbed.created_at, absorbed.ticket_id",
        "order by absorbed.created_at desc, absorbed.ticket_id",
        "a_case_begins_with_the_oldest_of_the_tickets_merged_into_it",
    ),
    (
        "int_cases",
        "        and absorbed.created_at < survivors.created_at\n",
        "",
        "a_case_begins_with_the_oldest_of_the_tickets_merged_into_it",
    ),
    (
        "int_cases",
        "then is_there else 0 end) as integer) as inbound_count",
        "then 1 else 0 end) as integer) as inbound_count",
        "a_case_begins_with_the_oldest_of_the_tickets_merged_into_it",
    ),
    (
        "int_case_events",
        "and own_ticket_events.event_at < cases.own_opened_at",
        "",
        "until_the_younger_ticket_was_made_the_merged_one_tells_of_both",
    ),
    (
        "int_case_events",
        "        and own_ticket_events.event_at < case_merges.merged_at\n",
        "",
        "until_the_younger_ticket_was_made_the_merged_one_tells_of_both",
    ),
    (
        "int_dirty_cases",
        "    select published_case_key from changed_merges\n",
        "    select case_key from changed_merges\n",
        "a_case_is_dirty_through_news_events_and_open_ends",
    ),
    (
        "int_dirty_conversations",
        "    select coalesce(case_merges.case_key, published_cases.case_key)\n",
        "    select published_cases.case_key\n",
        "a_conversation_is_dirty_through_its_messages_and_their_people",
    ),
    (
        "int_case_events",
        "then least(coalesce(opened_at, event_at), event_at)",
        "then event_at",
        "a_log_of_whole_states_begins_when_the_case_was_opened",
    ),
    (
        "int_case_events",
        "partition by source, case_id, field, changed_at order by",
        "partition by source, case_id order by",
        "a_history_of_changed_fields_says_only_what_changed",
    ),
    (
        "int_case_events",
        "max(case when field = 'team' then old_value end) as team",
        "max(case when field = 'team' then new_value end) as team",
        "a_history_of_changed_fields_says_only_what_changed",
    ),
    (
        "int_case_events",
        "where resolved_at is not null and has_status = 0",
        "where resolved_at is not null and has_status = 1",
        "a_history_of_changed_fields_says_only_what_changed",
    ),
    (
        "int_case_events",
        "greatest(changes.changed_at, file_case_heads.opened_at) as event_at",
        "changes.changed_at as event_at",
        "a_history_of_changed_fields_says_only_what_changed",
    ),
    (
        "int_case_events",
        "        on changes.source = file_case_heads.source\n        and changes",
        "        on changes",
        "a_history_of_changed_fields_says_only_what_changed",
    ),
    (
        "int_case_events",
        "    where not exists (\n        select 1\n        from file_case_events",
        "    where true or not exists (\n        select 1\n        from file_case_events",
        "a_head_beside_a_log_of_whole_states_says_nothing_twice",
    ),
    (
        "int_case_states",
        "max(team) over (partition by case_key, team_no)",
        "team",
        "what_an_event_does_not_say_stays_and_an_empty_text_is_none",
    ),
    (
        "int_case_states",
        "when carried.event_no > last_open.last_unclosed_no and carried.status = 'closed'",
        "when carried.status = 'closed'",
        "a_reopen_moves_resolved_at_and_closed_at",
    ),
    (
        "int_case_states",
        "status not in ('closed', 'deleted') then event_no",
        "status not in ('closed') then event_no",
        "deletion_ends_the_case_s_time_and_closes_nothing",
    ),
    (
        "int_case_timeline",
        "\nfrom changes\n",
        "\nfrom (select *, lead(event_at) over (partition by case_key order by event_no) as next_at"
        " from changes) as changes where next_at is null or next_at > event_at\n",
        "zero_length_rows_are_kept",
    ),
    (
        "int_case_timeline",
        "where previous_no is null\n",
        "where previous_no is null or event_kind = 'policy_changed'\n",
        "a_turn_of_policy_opens_a_row_only_where_it_changes_something",
    ),
    (
        "int_case_timeline",
        "or previous_policy_department <> coalesce(policy_department, '')",
        "",
        "a_turn_of_policy_opens_a_row_only_where_it_changes_something",
    ),
    (
        "int_case_facts",
        "where department is not null",
        "where true",
        "a_handoff_ignores_nobody_in_between",
    ),
    (
        "int_repeat_contacts",
        "first_after.next_opened_at <= ",
        "first_after.next_opened_at < ",
        "a_customer_who_comes_back_within_seven_days_came_back",
    ),
    (
        "int_sla_clocks",
        "rows between unbounded preceding and 1 preceding\n        ), 0) as replies_before",
        "rows between unbounded preceding and current row\n        ), 0) as replies_before",
        "what_the_customer_waits_for_is_answered_once",
    ),
    (
        "int_sla_clocks",
        "and rules.restarts_on_reopen",
        "",
        "a_reopening_goes_on_or_starts_again_as_its_rule_says",
    ),
    (
        "int_sla_clocks",
        "coalesce('team:' || team,",
        "coalesce(agent_key, 'team:' || team,",
        "each_holder_s_turn_is_a_clock_of_its_own",
    ),
    (
        "int_sla_clocks",
        "where timeline.status not in ('solved', 'closed', 'deleted')\n),\n\nstatuses",
        "),\n\nstatuses",
        "a_reply_to_an_unresolved_case_promises_the_next",
    ),
    (
        "int_sla_rules",
        "where from_at < until_at\n),\n\n-- a rule of lower",
        "where false\n),\n\n-- a rule of lower",
        "the_lowest_rank_that_matches_promises_while_it_is_valid",
    ),
    (
        "int_sla_rules",
        "case when target = 'case_due_at' then 'yes' end as has_source_due",
        "cast(null as text) as has_source_due",
        "the_source_s_due_time_is_promised_only_where_there_is_one",
    ),
    (
        "int_sla_segments",
        "case when kept_from is null or from_at <= kept_from then rule_key end as accepted_key",
        "rule_key as accepted_key",
        "another_priority_moves_a_promise_only_where_its_rule_says_so",
    ),
    (
        "int_sla_segments",
        "to_at is null or to_at > from_at or row_no = 1 as has_say",
        "true as has_say",
        "another_priority_moves_a_promise_only_where_its_rule_says_so",
    ),
    (
        "int_sla_segments",
        "segments.metric in ('pausable_update_time', 'requester_wait_time', 'agent_work_time')",
        "segments.metric in ('pausable_update_time', 'agent_work_time')",
        "a_clock_stands_still_as_its_metric_and_its_rule_say",
    ),
    (
        "int_sla_segments",
        "when starts.instant_row_no is not null then",
        "when false then",
        "a_clock_stands_still_as_its_metric_and_its_rule_say",
    ),
    (
        "fct_sla_segments",
        "case when not is_paused and hours <> 'calendar' then hours end as schedule",
        "case when hours <> 'calendar' then hours end as schedule",
        "what_is_counted_adds_up_in_the_hours_of_each_segment",
    ),
    (
        "fct_sla_clocks",
        "greatest(due_at, retargeted_at, started_at) as exceeded_at",
        "due_at as exceeded_at",
        "the_target_is_used_up_in_the_segment_in_which_that_happens",
    ),
    (
        "int_business_slices",
        "where days_off.day is null",
        "where true",
        "lunch_holidays_and_revised_hours_are_closed_times",
    ),
    (
        "int_business_slices",
        "where holiday_days.opens_at is not null",
        "where false",
        "a_holiday_can_last_and_can_have_hours_of_its_own",
    ),
    (
        "int_business_slices",
        '"timezone") }} as opens_at',
        "\"'UTC'\") }} as opens_at",
        "a_change_of_clocks_moves_openings_and_makes_a_day_shorter",
    ),
    (
        "fct_sla_clocks",
        "when elapsed_seconds > target_seconds then 'breached'",
        "when elapsed_seconds >= target_seconds then 'breached'",
        "a_reply_exactly_on_the_target_is_met",
    ),
    (
        "fct_sla_clocks",
        "< last_hours.open_seconds_before + last_hours.open_seconds",
        "<= last_hours.open_seconds_before + last_hours.open_seconds",
        "a_target_used_up_at_closing_time_is_due_at_the_next_opening",
    ),
    (
        "fct_sla_clocks",
        "when not_counted_reason is not null then 'void'",
        "when false then 'void'",
        "a_clock_of_a_case_that_does_not_count_is_void",
    ),
    (
        "rpt_sla_compliance_daily",
        "in ('met', 'breached') then 1",
        "in ('met', 'breached', 'running') then 1",
        "each_clock_is_counted_once_and_a_share_needs_verdicts",
    ),
    (
        "fct_ownership_spans",
        "when contests.reply_count > 0 then 'contested'",
        "",
        "the_first_verdict_that_applies_is_the_span_s",
    ),
    (
        "fct_ownership_spans",
        "interactions.occurred_at < spans.to_at",
        "interactions.occurred_at <= spans.to_at",
        "a_reply_contests_the_span_that_it_lies_in",
    ),
    (
        "fct_interactions",
        "and interactions.in_reply_to_interaction_key is null then 'publishing'",
        "then 'publishing'",
        "an_own_post_without_a_parent_is_publishing",
    ),
    (
        "int_dirty_cases",
        "or changed_at >= {{ published_as_of() }}",
        "",
        "a_case_is_dirty_through_news_events_and_open_ends",
    ),
    (
        "int_our_accounts",
        "coalesce(max(file_users.user_name), max(named_in_files.agent_name), ",
        "coalesce(max(named_in_files.agent_name), ",
        "agents_and_bots_speak_for_us_and_customers_do_not",
    ),
    (
        "int_our_accounts",
        "file_users where role in ('agent', 'bot')",
        "file_users",
        "agents_and_bots_speak_for_us_and_customers_do_not",
    ),
    (
        "int_our_accounts",
        "file_field_changes where field = 'agent_id'",
        "file_field_changes",
        "agents_and_bots_speak_for_us_and_customers_do_not",
    ),
    (
        "int_interaction_records",
        "coalesce(file_interactions.direction, case",
        "coalesce(case",
        "a_file_s_message_lies_in_the_conversation_or_case_it_names",
    ),
    (
        "int_interaction_records",
        "is_bot or (told_direction = 'outbound' and is_by_bot)",
        "is_bot",
        "a_file_s_message_lies_in_the_conversation_or_case_it_names",
    ),
    (
        "int_interaction_records",
        "        on file_interactions.source = our_accounts.source\n        and file",
        "        on file",
        "a_file_s_message_lies_in_the_conversation_or_case_it_names",
    ),
    (
        "int_interaction_records",
        "    where told_at < {{ as_of() }}\n",
        "",
        "a_call_and_its_callback_are_one_conversation_and_no_case",
    ),
    (
        "int_dirty_conversations",
        "    where told_at >= {{ published_as_of() }}\n",
        "    where started_at >= {{ published_as_of() }}\n",
        "a_conversation_is_dirty_through_its_messages_and_their_people",
    ),
    (
        "int_file_identifiers",
        "where our_accounts.agent_key is null",
        "where true",
        "who_buys_and_rates_is_known_by_id_and_by_address",
    ),
    (
        "int_file_identifiers",
        "where seen_at < {{ as_of() }}",
        "where true",
        "who_buys_and_rates_is_known_by_id_and_by_address",
    ),
    (
        "stg_file__sales",
        "nullif(translate({{ json_text('payload', 'phone') }}, ' ()-./', ''), '')",
        "{{ json_text('payload', 'phone') }}",
        "addresses_numbers_and_handles_are_written_one_way",
    ),
    (
        "fct_ratings",
        "or timeline.to_at is null",
        "",
        "a_rating_is_of_who_held_the_case_at_that_instant",
    ),
    (
        "fct_ratings",
        "coalesce(ratings.agent_key, timeline.agent_key)",
        "timeline.agent_key",
        "a_rating_is_of_who_held_the_case_at_that_instant",
    ),
    (
        "fct_ratings",
        "where records.rated_at < {{ as_of() }}",
        "",
        "a_rating_is_of_who_held_the_case_at_that_instant",
    ),
    (
        "stg_policy__service_levels",
        "coalesce(cast(nullif(trim(short_abandon_seconds), '') as integer), 0)",
        "cast(nullif(trim(short_abandon_seconds), '') as integer)",
        "a_service_level_without_a_threshold_has_no_short_abandons",
    ),
    (
        "int_service_level_rules",
        "    where direction = 'inbound'\n",
        "",
        "the_first_service_level_by_rank_holds_on_its_days",
    ),
    (
        "fct_calls",
        "calls.direction = 'inbound' and calls.outcome in",
        "calls.outcome in",
        "a_call_is_offered_when_it_reached_a_queue",
    ),
    (
        "fct_calls",
        "where calls.told_at < {{ as_of() }}",
        "where calls.started_at < {{ as_of() }}",
        "a_call_is_offered_when_it_reached_a_queue",
    ),
    (
        "fct_calls",
        "waited_seconds < short_abandon_seconds",
        "waited_seconds <= short_abandon_seconds",
        "a_call_answered_on_the_last_second_of_its_target_is_met",
    ),
    (
        "fct_calls",
        "waited_seconds <= judged.target_seconds",
        "waited_seconds < judged.target_seconds",
        "a_call_answered_on_the_last_second_of_its_target_is_met",
    ),
    (
        "fct_calls",
        "calls.started_at < rules.until_at",
        "calls.started_at <= rules.until_at",
        "a_call_answered_on_the_last_second_of_its_target_is_met",
    ),
    (
        "rpt_service_level_intervals",
        "nullif(offered - wait_unknown - short_abandoned, 0)",
        "nullif(offered - wait_unknown, 0)",
        "each_denominator_of_a_service_level_is_stated",
    ),
    (
        "rpt_service_level_intervals",
        "nullif(answered - wait_unknown, 0)",
        "nullif(answered, 0)",
        "each_denominator_of_a_service_level_is_stated",
    ),
    (
        "rpt_service_level_intervals",
        "        and calls.started_at < service_levels.valid_until_at\n",
        "",
        "each_denominator_of_a_service_level_is_stated",
    ),
    (
        "rpt_service_level_intervals",
        "        and calls.started_at >= service_levels.valid_from_at\n",
        "",
        "each_denominator_of_a_service_level_is_stated",
    ),
    (
        "fct_sales",
        "order by step_at desc, step_no desc",
        "order by step_at desc, step_no",
        "the_steps_of_a_sale_make_one_row",
    ),
    (
        "fct_sales",
        "where step_at < {{ as_of() }}",
        "where step_at <= {{ as_of() }}",
        "the_steps_of_a_sale_make_one_row",
    ),
    (
        "fct_sales",
        "order by records_seen.seen_at, sales.record_key",
        "order by sales.record_key desc",
        "the_steps_of_a_sale_make_one_row",
    ),
    (
        "fct_sales",
        "case when per_sale.status = 'lost' then described.lost_reason end",
        "described.lost_reason",
        "the_steps_of_a_sale_make_one_row",
    ),
]

# file of macros, what it says, what it is made to say, the unit test or golden rows that must fail
MACROS = [
    (
        "snapshots",
        "= snapshot_no - 1",
        "< snapshot_no",
        "a_policy_holds_from_the_night_that_first_read_it",
    ),
    (
        "increments",
        "order by records.version desc, records.batch_id desc",
        "order by records.batch_id desc",
        "the_newest_version_wins_over_a_late_old_one",
    ),
    (
        "increments",
        "where batches.first_read_run_no <= {{ reads_up_to() }}",
        "where true",
        "rows_of_a_run_read_later_are_not_read",
    ),
    (
        "rules",
        "order by rule_matches.rule_rank,",
        "order by rule_matches.rule_rank desc,",
        "the_lowest_rank_that_matches_promises_while_it_is_valid",
    ),
    ("dialect/time", "date_trunc('second', timezone(", "(timezone(", "utc_timestamp"),
    ("dialect/time", "when 6 then 'sat'", "when 6 then 'sun'", "weekday"),
    (
        "dialect/time",
        """timezone(" ~ timezone ~ ", timezone('UTC', " ~ at ~ "))""",
        """(" ~ at ~ ")""",
        "interval_start",
    ),
    ("dialect/time", "1288834974657", "1288834974000", "snowflake_time"),
    ("dialect/text", "'@[[:alnum:]_]+'", "'@[[:alnum:]]+'", "mask_text"),
    (
        "dialect/json",
        "jsonb_exists({{ json }}, '{{ key }}')",
        "(jsonb_extract_path_text({{ json }}, '{{ key }}') is not null)",
        "json_has_key",
    ),
]


def rounds() -> list[list[tuple[str, str, str, str]]]:
    """The broken models, each model once a round: a unit test sees its own model alone."""
    numbered = [
        (number, change)
        for _, changes in groupby(MODELS, key=lambda change: change[0])
        for number, change in enumerate(changes)
    ]
    return [
        [change for number, change in numbered if number == each]
        for each in range(1 + max(number for number, _ in numbered))
    ]
