//! Places at which a test lets a process die, as `kill -9` would: nothing is told, closed or written any more.
//!
//! Only unoptimized builds have them, so that nothing in the environment can stop what is shipped. The variable
//! `TEST_CRASH_AT` names a place, and after a colon how often it is passed before: `claim.committed:3`.

/// Ends the process if a test wants it to end here.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    armed::strike(name);
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub const fn point(_name: &str) {}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Place {
        name: String,
        /// How often it is still passed.
        left: AtomicU32,
    }

    static PLACE: OnceLock<Option<Place>> = OnceLock::new();

    pub(super) fn strike(name: &str) {
        let Some(place) = PLACE.get_or_init(|| read(&std::env::var("TEST_CRASH_AT").ok()?)) else { return };
        if place.name == name && place.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            std::process::abort();
        }
    }

    fn read(text: &str) -> Option<Place> {
        let (name, left) = text.split_once(':').unwrap_or((text, "1"));
        Some(Place { name: name.to_owned(), left: AtomicU32::new(left.parse().ok().filter(|left| *left > 0)?) })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_place_is_passed_as_often_as_said() {
            let read = |text| read(text).map(|place| (place.name, place.left.into_inner()));
            assert_eq!(read("claim.before"), Some(("claim.before".to_owned(), 1)));
            assert_eq!(read("claim.before:3"), Some(("claim.before".to_owned(), 3)));
            assert_eq!(read("claim.before:0"), None);
            assert_eq!(read("claim.before:often"), None);
        }
    }
}
