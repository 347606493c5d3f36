-- the ends of logs that are new
insert into audit_head (organization_id, seq, hash, floor_seq, floor_hash, seal)
select organization_id, 0, '', 0, '', ''
from unnest($1::uuid[]) as given (organization_id)
order by organization_id
on conflict (organization_id) do nothing
