select execution.id
from execution
where
    execution.id = $1 and execution.organization_id = $2
    and execution.status in (2, 3)
    and exists (select 1 from wait where wait.execution_id = execution.id and wait.target = $3)
    and not exists (select 1 from signal where signal.execution_id = execution.id)
