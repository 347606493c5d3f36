update execution
set status = 0, worker_id = null, pushed_at_ms = $2
where worker_id is not null and worker_id <> $1
returning id, organization_id, queue, priority
