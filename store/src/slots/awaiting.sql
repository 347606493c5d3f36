-- the line, those left out that have ended in it
select slot.execution_id, slot.organization_id, slot.slots
from slot
where
    slot.workflow_id = $1 and slot.key = $2 and not slot.held
    and exists (select 1 from execution where execution.id = slot.execution_id and execution.ended_at_ms is null)
order by slot.priority desc, slot.execution_id
limit $3
