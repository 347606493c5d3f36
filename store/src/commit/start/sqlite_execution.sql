insert into execution (
    id, organization_id, workflow_id, version_id, version_number, status, key, priority, queue, trigger_type, trigger_data,
    event_id, started_by, input, labels, seq, epoch, claims, idempotency_key, queued_at_ms, deadline_at_ms, pushed_at_ms, depth,
    parent_id, rerun_of, rules, awaited
)
values (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 1, 0, 0, ?15, ?16, ?17, ?16, ?18, ?19, ?20, ?21, ?22)
