select id from organization where id > $1 order by id limit 1
