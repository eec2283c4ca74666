{{ config(materialized='view') }}

{{ interaction_records() }}
