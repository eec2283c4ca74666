{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('x', 'refreshed_posts') }}",
    indexes=[{'columns': ['record_key']}],
) }}

{{ x_posts('refreshed_posts') }}
