-- whoever has something planned or buffered is looked at again soon, the others at their next fire
update schedule
set
    wake_at_ms = case
        when schedule.paused_at_ms is null
            and schedule.is_enabled
            and exists (
                select 1 from schedule_run
                where schedule_run.schedule_id = schedule.id and schedule_run.is_open and schedule_run.state in (0, 3)
            )
            then min(coalesce(schedule.next_at_ms, ?2), ?2)
        -- got new times meanwhile, and is to be looked at for the first of them
        when schedule.next_at_ms is null and schedule.wake_at_ms <= ?2 then schedule.wake_at_ms
        else schedule.next_at_ms
    end,
    -- another number whenever something came of it, also in the same millisecond
    updated_at_ms = max(schedule.updated_at_ms + 1, ?3)
where id in (select unhex(value ->> 'id') from json_each(?1))
