-- every transaction below the oldest open one is over: nothing can appear there any more;
-- the text has a name of its own, or it would be what the rows are ordered by
select approval_event.xid::text as transaction_text, position, approval_id, kind
from approval_event
where
    organization_id = $1
    and (xid, position) > ($2::text::xid8, $3)
    and xid < pg_snapshot_xmin(pg_current_snapshot())
order by approval_event.xid, approval_event.position
limit $4
