select interaction_key
from {{ ref('fct_interactions') }}
where conversation_key is null
