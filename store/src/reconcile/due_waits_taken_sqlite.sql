update wait
set due_at_ms = null
where position in (
    select position
    from wait
    where due_at_ms <= ?1
    order by due_at_ms, position
    limit ?2
)
