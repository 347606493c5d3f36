-- whoever has something planned or buffered is looked at again soon, the others at their next fire
update schedule
set
    wake_at_ms = case
        when schedule.paused_at_ms is null
            and schedule.is_enabled
            and exists (
                select from schedule_run
                where schedule_run.schedule_id = schedule.id and schedule_run.is_open and schedule_run.state in (0, 3)
            )
            then least(schedule.next_at_ms, $2::int8)
        -- got new times meanwhile, and is to be looked at for the first of them
        when schedule.next_at_ms is null and schedule.wake_at_ms <= $2::int8 then schedule.wake_at_ms
        else schedule.next_at_ms
    end,
    -- another number whenever something came of it, also in the same millisecond
    updated_at_ms = greatest(schedule.updated_at_ms + 1, $3::int8)
from jsonb_to_recordset($1::jsonb) as given (id uuid)
where schedule.id = given.id
