-- what wakes it first
update execution
set wake_at_ms = (select min(wait.due_at_ms) from wait where wait.execution_id = $1)
where id = $1 and organization_id = $2
