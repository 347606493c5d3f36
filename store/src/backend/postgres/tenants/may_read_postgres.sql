-- whether there are protected tables, and the role of this connection may read them all
select coalesce(bool_and(has_table_privilege(relation.oid, 'select')), false) as may_read
from pg_catalog.pg_policy as policy
join pg_catalog.pg_class as relation on relation.oid = policy.polrelid
where policy.polname = 'tenant' and relation.relnamespace = current_schema()::regnamespace
