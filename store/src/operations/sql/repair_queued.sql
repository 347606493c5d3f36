update execution
set pushed_at_ms = $3
where id = $1 and status = 0 and pushed_at_ms = $2
returning id, organization_id, queue, priority
