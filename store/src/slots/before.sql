select organization_id, execution_id
from slot
where workflow_id = $1 and key = $2 and execution_id < $3
order by execution_id
limit $4
