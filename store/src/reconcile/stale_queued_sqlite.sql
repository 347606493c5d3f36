with
-- longest ago first
stale as (
    select id
    from execution
    where status = 0 and pushed_at_ms < ?1
    order by pushed_at_ms
    limit ?3
)
update execution
set pushed_at_ms = ?2
where id in (select id from stale)
returning id, organization_id, queue, priority
