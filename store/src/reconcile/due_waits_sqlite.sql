with
-- what is due, longest ago first; the next statement of the transaction takes the time off the rows, which stay:
-- an execution that is paused, or in a worker's hands, may still wait for its event
due as (
    select execution_id
    from wait
    where due_at_ms <= ?1
    order by due_at_ms, position
    limit ?2
)
-- an execution in a worker's hands knows its own timers
update execution
set status = 0, wake_at_ms = null, pushed_at_ms = ?1
where id in (select execution_id from due) and status in (2, 3, 4)
returning id, organization_id, queue, priority
