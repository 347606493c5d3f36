//! How much may be on its way into the database at once.
//!
//! What is over it is refused at once, before memory or the time to an answer run away: a caller that is
//! told to come back later is better off than one that waits for something that then times out.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ServiceError;

/// What something that is accepted costs beside its text, in bytes: its rows, its place in the group.
const OVERHEAD: usize = 2 * UNIT;

/// What is counted, in bytes.
const UNIT: usize = 1_024;

/// A bound on what is being accepted, by the memory that it takes.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Semaphore>);

/// Leave to accept something; given back when dropped.
#[derive(Debug)]
#[must_use = "dropped, it counts no more"]
pub struct Admitted(#[expect(dead_code, reason = "held for its Drop")] OwnedSemaphorePermit);

impl Admission {
    /// At most `bytes` at once.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// Leave for things whose texts have these sizes in bytes, all or none.
    ///
    /// # Errors
    /// [`ServiceError::Overloaded`], at once, when too much is on its way already.
    pub fn admit(&self, sizes: impl IntoIterator<Item = usize>) -> Result<Admitted, ServiceError> {
        let units = sizes
            .into_iter()
            .map(|size| size.saturating_add(OVERHEAD).div_ceil(UNIT))
            .fold(0_usize, usize::saturating_add);
        let permit = u32::try_from(units).ok().and_then(|units| Arc::clone(&self.0).try_acquire_many_owned(units).ok());
        permit.map(Admitted).ok_or_else(|| {
            metrics::counter!("sluice_admissions_refused_total").increment(1);
            ServiceError::Overloaded
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_bound_is_refused_until_something_is_done() {
        let admission = Admission::new(10 * UNIT);
        let first = admission.admit([2 * UNIT]).unwrap();
        let second = admission.admit([UNIT, UNIT]).unwrap();
        assert!(matches!(admission.admit([0]), Err(ServiceError::Overloaded)));
        drop(first);
        let third = admission.admit([0]).unwrap();
        assert!(admission.admit([4 * UNIT]).is_err(), "all or none");
        drop((second, third));
        assert!(admission.admit([8 * UNIT]).is_ok());
    }

    #[test]
    fn what_could_never_be_admitted_is_refused_too() {
        assert!(Admission::new(0).admit([usize::MAX, usize::MAX]).is_err());
    }
}
