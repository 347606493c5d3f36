update schedule_run
set state = 0, execution_id = given.execution_id, fired_at_ms = $2
from jsonb_to_recordset($1::jsonb) as given (id uuid, execution_id uuid)
where schedule_run.id = given.id and schedule_run.state = 3
