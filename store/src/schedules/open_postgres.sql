-- of each schedule so many at most: what is to be done first, then what runs
select id
from (
    select
        schedule_run.id,
        row_number() over (
            partition by schedule_id
            order by case when state = 1 then 1 else 0 end, scheduled_for_ms, schedule_run.id
        ) as place
    from schedule_run
    join jsonb_to_recordset($1::jsonb) as given (id uuid) on given.id = schedule_run.schedule_id
    where schedule_run.is_open
) as open
where place <= $2
