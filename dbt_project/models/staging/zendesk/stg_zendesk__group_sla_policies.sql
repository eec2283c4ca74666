{{ config(materialized='table') }}
{{ zendesk_sla_targets('group_sla_policies') }}
