delete from signal where execution_id = ?1 and position in (select value from json_each(?2))
