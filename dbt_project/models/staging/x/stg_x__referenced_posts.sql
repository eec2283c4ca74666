{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_changed_records('x', 'referenced_posts') }}",
    indexes=[{'columns': ['record_key']}],
) }}

{{ x_posts('referenced_posts') }}
