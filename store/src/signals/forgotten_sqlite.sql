-- whoever has ended takes nothing in
delete from signal
where
    execution_id in (select unhex(value) from json_each(?1))
    and exists (select 1 from execution where execution.id = signal.execution_id and execution.ended_at_ms is not null)
