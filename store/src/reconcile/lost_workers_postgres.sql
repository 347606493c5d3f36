with
-- claims of workers that fell silent, signed off, or have no row at all, unless somebody is writing them right now
lost as (
    select id
    from execution
    where
        worker_id is not null
        and worker_id not in (select worker.id from worker where worker.heartbeat_at_ms >= $1 and worker.stopped_at_ms is null)
    limit $3
    for update skip locked
)
update execution
set status = 0, worker_id = null, pushed_at_ms = $2
from lost
where execution.id = lost.id
returning execution.id, execution.organization_id, execution.queue, execution.priority
