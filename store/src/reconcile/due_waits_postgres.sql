with
-- what is due, longest ago first, unless another process is taking it
due as (
    select position, execution_id
    from wait
    where due_at_ms <= $1
    order by due_at_ms
    limit $2
    for update skip locked
),
-- taken is taken: whoever deletes the row wakes the execution
taken as (
    delete from wait
    using due
    where wait.position = due.position
    returning wait.execution_id
)
-- an execution in a worker's hands knows its own timers
update execution
set status = 0, wake_at_ms = null, pushed_at_ms = $1
where id in (select execution_id from taken) and status in (2, 3)
returning id, queue, priority
