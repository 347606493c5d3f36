-- status 1 is the only one with a worker
update execution
set status = 0, worker_id = null, pushed_at_ms = $4
where id = $2 and worker_id = $1 and epoch = $3
returning id, organization_id, queue, priority
