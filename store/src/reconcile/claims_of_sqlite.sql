select id, epoch from execution where worker_id = ?1
