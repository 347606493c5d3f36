with
-- what is due, longest ago first, unless another process is taking it
due as (
    select position
    from wait
    where due_at_ms <= $1
    order by due_at_ms
    limit $2
    for update skip locked
),
-- taken is taken: whoever takes the time off the row wakes the execution. The row stays: an execution that is
-- paused, or in a worker's hands, may still wait for its event
taken as (
    update wait
    set due_at_ms = null
    where position = any (array(select due.position from due))
    returning execution_id
),
-- several waits may wake the same execution
woken as (
    select distinct execution_id from taken
)
-- an execution in a worker's hands knows its own timers; its status is compared in a way that no index serves
update execution
set status = 0, wake_at_ms = null, pushed_at_ms = $1
from woken
where execution.id = woken.execution_id and execution.status + 0 in (2, 3, 4)
returning execution.id, execution.organization_id, execution.queue, execution.priority
