delete from wait
where
    position = $1 and execution_id = $2
    and not exists (select 1 from execution where execution.id = wait.execution_id and execution.ended_at_ms is null)
