with
-- claims of workers that fell silent, signed off, or have no row at all
lost as (
    select id
    from execution
    where
        worker_id is not null
        and worker_id not in (select worker.id from worker where worker.heartbeat_at_ms >= ?1 and worker.stopped_at_ms is null)
    limit ?3
)
update execution
set status = 0, worker_id = null, pushed_at_ms = ?2
where id in (select id from lost)
returning id, organization_id, queue, priority
