//! What no database column holds.

use crate::error::StoreError;

/// Refuses texts with a NUL character, which PostgreSQL cannot store, before they reach a group.
pub fn check_texts<'a, T>(texts: T) -> Result<(), StoreError>
where
    T: IntoIterator<Item = (&'static str, Option<&'a str>)>,
{
    for (name, text) in texts {
        if text.is_some_and(|text| text.contains('\0')) {
            return Err(StoreError::Invalid { what: format!("`{name}` holds a NUL character") });
        }
    }
    Ok(())
}
