-- only what failed and was not written since; the journal tells its state from its beginning
update execution
set
    status = 0,
    epoch = epoch + 1,
    seq = seq + 1,
    claims = 0,
    signals = 0,
    state = null,
    result = null,
    error_code = null,
    error_message = null,
    failed_step = null,
    error_fingerprint = null,
    ended_at_ms = null,
    wake_at_ms = null,
    -- whoever waited for it was told of the failure, and waits no more
    awaited = false,
    pushed_at_ms = $4
where id = $1 and organization_id = $2 and seq = $3 and status = 6
returning epoch, queue, priority
