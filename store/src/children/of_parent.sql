-- one moment: a parent that lives again leaves nobody behind
select child.id
from execution as child
where
    child.parent_id = $1
    and child.organization_id = $2
    and child.awaited
    and child.ended_at_ms is null
    and child.id > $3
    and not exists (select 1 from execution as parent where parent.id = child.parent_id and parent.ended_at_ms is null)
order by child.id
limit $4
