-- a worker looks at its state and finds out by itself what it waits for
update execution
set status = 0, wake_at_ms = null, pushed_at_ms = $5
where id = $1 and status = $2 and seq = $3 and epoch = $4
returning id, queue, priority
