select coalesce(max(position), 0) from approval_event where organization_id = ?1
