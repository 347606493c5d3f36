with
-- each id once, with the worker that asked for it first
asked as (
    select unhex(value ->> 0) as id, unhex(value ->> 1) as worker_id, value ->> 2 as now_ms
    from json_each(?1)
)
update execution
set
    status = 1,
    worker_id = asked.worker_id,
    epoch = execution.epoch + 1,
    claims = min(execution.claims + 1, 32767),
    started_at_ms = coalesce(execution.started_at_ms, asked.now_ms)
from asked
where execution.id = asked.id and execution.status = 0
returning
    id, organization_id, workflow_id, version_id, version_number, priority, queue, trigger_data, input, state, seq, epoch,
    claims, queued_at_ms, started_at_ms, deadline_at_ms, depth, parent_id, signals, state_seq, rules
