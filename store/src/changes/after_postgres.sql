-- every transaction below the oldest open one is over: nothing can appear there any more
select xid::text, position, execution_id, seq
from journal
where
    organization_id = $1
    and (xid, position) > ($2::text::xid8, $3)
    and xid < pg_snapshot_xmin(pg_current_snapshot())
order by xid, position
limit $4
