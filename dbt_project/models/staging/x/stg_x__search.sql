{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('x', 'search') }}",
    indexes=[{'columns': ['record_key']}],
) }}

{{ x_posts('search') }}
