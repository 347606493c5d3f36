delete from schedule_run
using jsonb_to_recordset($1::jsonb) as given (id uuid)
where schedule_run.schedule_id = given.id and schedule_run.scheduled_for_ms < $2 and not schedule_run.is_open
