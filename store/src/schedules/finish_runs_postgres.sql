-- a run that was finished already, by whoever started it too, stays as it is
update schedule_run
set state = given.state, execution_id = given.execution_id, note = given.note, is_open = given.is_open, fired_at_ms = $2
from jsonb_to_recordset($1::jsonb) as given (id uuid, state int2, execution_id uuid, note text, is_open boolean)
where schedule_run.id = given.id and schedule_run.state = 0
