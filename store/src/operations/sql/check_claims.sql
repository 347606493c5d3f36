select execution.id, execution.organization_id, execution.worker_id, execution.epoch
from execution
where
    execution.worker_id is not null
    and (execution.worker_id, execution.id) > ($1, $2)
    and not exists (
        select 1
        from worker
        where
            worker.id = execution.worker_id
            and worker.stopped_at_ms is null
            and worker.heartbeat_at_ms + worker.lease_ms >= $3
    )
order by execution.worker_id, execution.id
limit $4
