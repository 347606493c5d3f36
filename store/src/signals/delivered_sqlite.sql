update signal
set delivered = true
where execution_id in (select unhex(value) from json_each(?1)) and not delivered
