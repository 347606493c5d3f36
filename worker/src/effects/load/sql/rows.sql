-- The rows of an author's statement as JSON, whatever their types. Within another statement it can only be a query, and
-- a comment at its end ends with the line. A row that is too large is left out, so that it never leaves the database.
select case when octet_length(sluice_text) <= {most_bytes} then sluice_text end
from (
    select to_jsonb(sluice_row)::text as sluice_text
    from (
{statement}
    ) as sluice_row
    limit {most_rows}
) as sluice_rows
