delete from schedule_run
where schedule_id in (select unhex(value ->> 'id') from json_each(?1)) and scheduled_for_ms < ?2 and not is_open
