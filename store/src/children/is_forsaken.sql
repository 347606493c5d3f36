-- one row when whoever was to wait for its end lives no more
select child.id
from execution as child
where
    child.id = $1
    and child.organization_id = $2
    and child.awaited
    and not exists (select 1 from execution as parent where parent.id = child.parent_id and parent.ended_at_ms is null)
