-- of each schedule so many at most: what is to be done first, then what runs
select id
from (
    select
        id,
        row_number() over (
            partition by schedule_id
            order by case when state = 1 then 1 else 0 end, scheduled_for_ms, id
        ) as place
    from schedule_run
    where is_open and schedule_id in (select unhex(value ->> 'id') from json_each(?1))
) as open
where place <= ?2
