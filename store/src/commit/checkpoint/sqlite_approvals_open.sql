select id from approval where execution_id = ?1 and status = 0
