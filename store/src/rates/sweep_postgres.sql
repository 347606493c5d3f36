-- a row that is locked is in use
delete from rate
where ctid = any (array(select ctid from rate where free_at_us < $1 limit $2 for update skip locked))
