with
-- the first of each queue, read from the index in its order
candidates as (
    select candidate.id, candidate.priority
    from unnest($1::text[]) as served (queue)
    cross join lateral (
        select execution.id, execution.priority
        from execution
        where execution.queue = served.queue and execution.status = 0 and execution.priority <= $5
        order by execution.priority desc, execution.id
        limit $2
        for update skip locked
    ) as candidate
),
-- the first of them all
picked as (
    select id from candidates order by priority desc, id limit $2
)
update execution
set
    status = 1,
    worker_id = $3,
    epoch = execution.epoch + 1,
    claims = least(execution.claims + 1, 32767),
    started_at_ms = coalesce(execution.started_at_ms, $4)
from picked
where execution.id = picked.id
returning
    execution.id, execution.organization_id, execution.workflow_id, execution.version_id, execution.version_number,
    execution.priority, execution.queue, execution.trigger_data, execution.input, execution.state, execution.seq,
    execution.epoch, execution.claims, execution.queued_at_ms, execution.started_at_ms, execution.deadline_at_ms,
    execution.depth, execution.parent_id, execution.signals, execution.state_seq, execution.rules
