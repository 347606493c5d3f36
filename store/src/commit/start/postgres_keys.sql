with
-- the keys that were asked for
asked as (
    select * from unnest($1::uuid[], $2::text[]) as asked (organization_id, key)
)
select start_key.organization_id, start_key.key, start_key.execution_id, start_key.fingerprint
from start_key
join asked using (organization_id, key)
