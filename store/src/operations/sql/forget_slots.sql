delete from slot where execution_id in ({ids})
