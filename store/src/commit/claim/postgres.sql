with
-- each id once, with the worker that asked for it first
asked as (
    select * from unnest($1::uuid[], $2::uuid[], $3::int8[]) as asked (id, worker_id, now_ms)
),
-- those that are queued and that nobody else is writing at this moment; what is written by another
-- is either claimed there, or pushed again later. One by one, and with a status that no index serves: any other
-- plan reads all that is queued, however much that is
picked as (
    select execution.id, asked.worker_id, asked.now_ms
    from asked
    cross join lateral (
        select execution.id
        from execution
        where execution.id = asked.id and execution.status + 0 = 0
        for update skip locked
    ) as execution
)
update execution
set
    status = 1,
    worker_id = picked.worker_id,
    epoch = execution.epoch + 1,
    claims = least(execution.claims + 1, 32767),
    started_at_ms = coalesce(execution.started_at_ms, picked.now_ms)
from picked
where execution.id = picked.id
returning
    execution.id, execution.organization_id, execution.workflow_id, execution.version_id, execution.version_number,
    execution.priority, execution.queue, execution.trigger_data, execution.input, execution.state, execution.seq,
    execution.epoch, execution.claims, execution.queued_at_ms, execution.started_at_ms, execution.deadline_at_ms,
    execution.depth, execution.parent_id, execution.signals, execution.state_seq, execution.rules
