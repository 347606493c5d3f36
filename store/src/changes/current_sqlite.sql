select coalesce(max(position), 0) from journal where organization_id = ?1
