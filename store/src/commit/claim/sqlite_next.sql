with
-- the first of all queues served
picked as (
    select id
    from execution
    where queue in (select value from json_each(?1)) and status = 0 and priority <= ?5
    order by priority desc, id
    limit ?2
)
update execution
set
    status = 1,
    worker_id = ?3,
    epoch = epoch + 1,
    claims = min(claims + 1, 32767),
    started_at_ms = coalesce(started_at_ms, ?4)
where id in (select id from picked)
returning
    id, organization_id, workflow_id, version_id, version_number, priority, queue, trigger_data, input, state, seq, epoch,
    claims, queued_at_ms, started_at_ms, deadline_at_ms, depth, parent_id, signals, state_seq, rules
