-- the ends of the logs, held until the entries after them are committed
select
    organization_id, seq, hash, floor_seq, floor_hash, seal,
    coalesce((select max(entry.seq) from audit_entry entry where entry.organization_id = audit_head.organization_id), 0) as last_seq
from audit_head
where organization_id = any($1)
order by organization_id
for update
