delete from wait where execution_id = ?1
