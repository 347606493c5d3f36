delete from rate
where (organization_id, scope_id, key) in (
    select organization_id, scope_id, key
    from rate
    where free_at_us < $1
    limit $2
)
