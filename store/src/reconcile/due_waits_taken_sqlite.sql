delete from wait
where position in (
    select position
    from wait
    where due_at_ms <= ?1
    order by due_at_ms, position
    limit ?2
)
