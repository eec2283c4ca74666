{{ config(materialized='table') }}
{{ zendesk_sla_targets('sla_policies') }}
