select id, organization_id, pushed_at_ms
from execution
where status = 0 and (pushed_at_ms, id) > ($1, $2)
order by pushed_at_ms, id
limit $3
