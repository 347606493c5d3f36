select
    execution.id, execution.organization_id, execution.seq, execution.epoch, execution.signals,
    exists (select 1 from signal where signal.execution_id = execution.id) as has_signal,
    -- a time, an event, people or a child; a place in the line is one while it is in the line
    exists (
        select 1
        from wait
        where
            wait.execution_id = execution.id
            and (
                wait.due_at_ms is not null
                or wait.event is not null
                or wait.kind in ('approval', 'child')
                or wait.kind = 'slot' and exists (select 1 from slot where slot.execution_id = execution.id)
            )
    ) as has_reason
from execution
where
    execution.organization_id = $1
    -- said twice: the index covers few statuses, and a parameter does not tell the planner which
    and execution.status in (2, 3, 4) and execution.status = $2
    and execution.id > $3
order by execution.id
limit $4
