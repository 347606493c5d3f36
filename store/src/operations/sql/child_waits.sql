select position, organization_id, execution_id, target
from wait
where position > $1 and kind = 'child' and target is not null
order by position
limit $2
