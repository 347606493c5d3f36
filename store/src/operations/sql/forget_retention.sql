delete from retention where scope_id = $1 and organization_id = $2
