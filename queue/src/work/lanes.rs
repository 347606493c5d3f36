//! Two lanes for each queue and priority, so that an organization with much to do does not stand in front of
//! those with little: what it pushes beyond its share goes into the second lane. Workers serve both at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ids::{ExecutionId, OrganizationId};
use moka::sync::Cache;

use crate::limits::{Bucket, Rate};

/// Which of the two lanes of a queue and priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// What is within the share of its organization.
    Share,
    /// What is beyond.
    Excess,
}

impl Lane {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Share, Self::Excess];

    /// Name of the lane, in names of streams and in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Excess => "excess",
        }
    }
}

/// What an organization may push into the first lane at once, and again in every two seconds: little enough that
/// what stands there is begun at once, enough for everybody who starts something now and then.
const SHARE: Rate = Rate { points: 32, period: Duration::from_secs(2) };

/// Organizations that are remembered; one that is forgotten begins with its whole share.
const ORGANIZATIONS: u64 = 10_000;

/// What each organization has left of its share, in this process.
#[derive(Debug, Clone)]
pub(super) struct Shares(Cache<OrganizationId, Arc<Mutex<Bucket>>>);

impl Default for Shares {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(ORGANIZATIONS).time_to_idle(SHARE.period * 30).build())
    }
}

impl Shares {
    /// Divides what an organization pushes: what is within its share, and the rest.
    pub(super) fn divide<'a>(
        &self,
        organization: OrganizationId,
        executions: &'a [ExecutionId],
    ) -> [(Lane, &'a [ExecutionId]); 2] {
        let bucket = self.0.get_with(organization, || Arc::new(Mutex::new(Bucket::full(SHARE))));
        let wanted = u32::try_from(executions.len()).unwrap_or(u32::MAX);
        let given = bucket.lock().unwrap_or_else(PoisonError::into_inner).take_up_to(SHARE, wanted);
        let (share, excess) = executions.split_at(usize::try_from(given).unwrap_or(usize::MAX).min(executions.len()));
        [(Lane::Share, share), (Lane::Excess, excess)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_beyond_the_share_of_an_organization_takes_the_second_lane_until_time_has_passed() {
        let shares = Shares::default();
        let (busy, calm) = (OrganizationId::new(), OrganizationId::new());
        let many: Vec<ExecutionId> = (0..40).map(|_| ExecutionId::new()).collect();
        let lengths = |organization| shares.divide(organization, &many).map(|(_lane, part)| part.len());
        assert_eq!(lengths(busy), [32, 8]);
        assert_eq!(lengths(busy), [0, 40]);
        assert_eq!(lengths(calm), [32, 8], "the share of one is not that of another");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(lengths(busy), [16, 24]);
    }
}
