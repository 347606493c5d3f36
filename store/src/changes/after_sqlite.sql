select position, execution_id, seq
from journal
where organization_id = ?1 and position > ?2
order by position
limit ?3
