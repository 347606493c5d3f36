-- whoever has ended, or is gone, holds nothing
delete from slot
where
    workflow_id = $1 and key = $2 and held
    and not exists (select 1 from execution where execution.id = slot.execution_id and execution.ended_at_ms is null)
