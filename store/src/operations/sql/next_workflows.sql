select id, organization_id from workflow where id > $1 order by id limit $2
