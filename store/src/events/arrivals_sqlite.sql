select position, event_id
from event_arrival
where organization_id = ?1 and position > ?2
order by position
limit ?3
