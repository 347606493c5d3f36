-- whoever goes on after its end, and has taken the slot again before it was given back, keeps it
delete from slot
where
    execution_id = $1
    and not exists (select 1 from execution where execution.id = slot.execution_id and execution.ended_at_ms is null)
