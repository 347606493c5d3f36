select
    wait.position, wait.execution_id as id, wait.organization_id,
    exists (select 1 from execution where execution.id = wait.execution_id and execution.ended_at_ms is null) as is_live
from wait
where wait.position > $1
order by wait.position
limit $2
