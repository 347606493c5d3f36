with
-- longest ago first, unless somebody is claiming it right now
stale as (
    select id
    from execution
    where status = 0 and pushed_at_ms < $1
    order by pushed_at_ms
    limit $3
    for update skip locked
)
update execution
set pushed_at_ms = $2
from stale
where execution.id = stale.id
returning execution.id, execution.organization_id, execution.queue, execution.priority
