-- only what lives, was not written since, and is not in the hands of a worker that is there: that one may be about
-- to let an effect go, and is told instead
update execution
set
    status = $5,
    epoch = epoch + 1,
    seq = seq + 1,
    claims = 0,
    worker_id = null,
    signals = 0,
    state = null,
    result = $6,
    error_code = $7,
    error_message = $8,
    failed_step = $9,
    ended_at_ms = $4,
    wake_at_ms = null,
    paused_at_ms = null
where id = $1 and organization_id = $2 and seq = $3 and ended_at_ms is null
    and not exists (
        select 1
        from worker
        where
            worker.id = execution.worker_id
            and worker.stopped_at_ms is null
            and worker.heartbeat_at_ms + worker.lease_ms >= $4
    )
returning epoch, queue, priority, workflow_id, started_at_ms
