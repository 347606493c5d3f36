update schedule
set
    due_ms = given.due_ms,
    next_at_ms = given.next_at_ms,
    wake_at_ms = given.wake_at_ms,
    -- one that pauses itself
    paused_at_ms = coalesce(given.paused_at_ms, schedule.paused_at_ms),
    paused_reason = coalesce(given.paused_reason, schedule.paused_reason),
    paused_by = case when given.paused_at_ms is null then schedule.paused_by else 'sys_engine' end,
    revision = schedule.revision + case when given.paused_at_ms is null then 0 else 1 end,
    -- another number whenever something came of it, also in the same millisecond
    updated_at_ms = case
        when given.released_at_ms is null then schedule.updated_at_ms
        else greatest(schedule.updated_at_ms + 1, given.released_at_ms)
    end
from jsonb_to_recordset($1::jsonb) as given (
    id uuid, due_ms int8, next_at_ms int8, wake_at_ms int8, paused_at_ms int8, paused_reason text, released_at_ms int8
)
where schedule.id = given.id
