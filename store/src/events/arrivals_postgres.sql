-- every transaction below the oldest open one is over: nothing can appear there any more;
-- the text has a name of its own, or it would be what the rows are ordered by
select event.xid::text as transaction_text, id
from event
where
    organization_id = $1
    and xid is not null
    and (xid, id) > ($2::text::xid8, $3)
    and xid < pg_snapshot_xmin(pg_current_snapshot())
order by event.xid, event.id
limit $4
