//! How many WebSockets and streams one caller holds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use service::rates::network;
use service::viewer::{Credential, Origin, Viewer};

use crate::limits::WsLimits;

/// Those of this process, by whoever holds them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sockets(Arc<Mutex<HashMap<String, usize>>>);

/// One of them; dropping it makes room.
#[derive(Debug)]
pub(crate) struct Held {
    sockets: Sockets,
    key: String,
}

impl Sockets {
    /// A place for a socket that nobody has signed in on yet.
    pub fn wait(&self, origin: &Origin, limits: &WsLimits) -> Option<Held> {
        let address = origin.address.map_or_else(|| "unknown".to_owned(), network);
        self.hold(format!("address:{address}"), limits.waiting_per_address)
    }

    /// A place for one of the viewer.
    pub fn hold_for(&self, viewer: &Viewer, limits: &WsLimits) -> Option<Held> {
        let (who, limit) = match viewer.credential {
            Credential::Session { user, .. } => (user.to_string(), limits.per_person),
            Credential::ApiKey { key, .. } => (key.to_string(), limits.per_key),
            // All of them are one, so a limit would be one for everybody.
            Credential::Link { .. } | Credential::Unguarded | Credential::System => (String::new(), usize::MAX),
        };
        self.hold(format!("{}:{who}", viewer.organization), limit)
    }

    fn hold(&self, key: String, limit: usize) -> Option<Held> {
        let mut counts = self.lock();
        let count = counts.entry(key.clone()).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Held { sockets: self.clone(), key })
    }

    /// No code panics while it holds the lock, so a poisoned one would still be whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut counts = self.sockets.lock();
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ids::{OrganizationId, SessionId, UserId};

    use super::*;

    #[test]
    fn a_person_holds_so_many_and_a_place_that_is_left_is_free_again() {
        let sockets = Sockets::default();
        let limits = WsLimits { per_person: 2, ..WsLimits::default() };
        let person = || {
            let credential = Credential::Session { user: UserId::new(), session: SessionId::new() };
            Viewer { credential, ..Viewer::owner(OrganizationId::new()) }
        };
        let (one, other) = (person(), person());
        let first = sockets.hold_for(&one, &limits).unwrap();
        let _second = sockets.hold_for(&one, &limits).unwrap();
        assert!(sockets.hold_for(&one, &limits).is_none());
        assert!(sockets.hold_for(&other, &limits).is_some());
        drop(first);
        assert!(sockets.hold_for(&one, &limits).is_some());
    }
}
