//! Asks again who is served, for as long as something is served to them.
//!
//! A stream may live for hours. Within [`RECHECK`] of a session that ended, a member who was removed or a role that was
//! lowered, it ends; at once when the token is over that it was opened with.

use std::time::Duration;

use axum::http::HeaderMap;
use service::viewer::Credential;
use service::{Code, Origin, Viewer};
use tokio::time::{Instant, sleep_until, timeout};

use crate::viewers::{Admitted, AuthError, ViewerSource};

/// How often it is asked.
pub(crate) const RECHECK: Duration = Duration::from_secs(30);

/// Time for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long nobody may be able to say who is served before they are served no more.
const LONGEST_DOUBT: Duration = Duration::from_mins(1);

/// Why somebody is served no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Their credentials do not count any more.
    Unauthenticated,
    /// They may do less than when it began.
    Reduced,
    /// For too long it could not be found out.
    Unknown,
}

impl Ended {
    pub const fn code(self) -> Code {
        match self {
            Self::Unauthenticated => Code::Unauthenticated,
            Self::Reduced => Code::Forbidden,
            Self::Unknown => Code::Unavailable,
        }
    }

    pub const fn told(self) -> &'static str {
        match self {
            Self::Unauthenticated => "the credentials that this began with are over; sign in and subscribe again",
            Self::Reduced => "what you may do has changed; subscribe again with what is left",
            Self::Unknown => "credentials cannot be checked at the moment; subscribe again",
        }
    }
}

/// Somebody who is served, and how they were recognised.
pub(crate) struct Watch {
    viewers: ViewerSource,
    /// What of the request's headers tells who sent it.
    credentials: HeaderMap,
    origin: Origin,
    viewer: Viewer,
    /// When the credentials are over.
    good_until: Option<Instant>,
}

impl Watch {
    /// None for those whose rights nothing can change.
    pub fn new(viewers: ViewerSource, credentials: HeaderMap, origin: Origin, admitted: &Admitted) -> Option<Self> {
        let is_fixed = matches!(admitted.viewer.credential, Credential::Unguarded | Credential::System);
        (!is_fixed).then(|| Self {
            viewers,
            credentials,
            origin,
            viewer: admitted.viewer.clone(),
            good_until: admitted.valid_for.map(|left| Instant::now() + left),
        })
    }

    /// Waits until they may be served no more.
    pub async fn ended(self) -> Ended {
        let mut known_at = Instant::now();
        loop {
            let next = Instant::now() + RECHECK;
            sleep_until(self.good_until.map_or(next, |end| end.min(next))).await;
            if self.good_until.is_some_and(|end| end <= Instant::now()) {
                return Ended::Unauthenticated;
            }
            match self.ask().await {
                Ok(Some(now)) if is_less(&now.viewer, &self.viewer) => return Ended::Reduced,
                Ok(Some(_same)) => known_at = Instant::now(),
                Ok(None) | Err(AuthError::Unauthenticated) => return Ended::Unauthenticated,
                Err(AuthError::Unavailable) if known_at.elapsed() > LONGEST_DOUBT => return Ended::Unknown,
                Err(AuthError::Unavailable) => {}
            }
        }
    }

    async fn ask(&self) -> Result<Option<Admitted>, AuthError> {
        let answer = timeout(PATIENCE, self.viewers.authenticate(&self.credentials, &self.origin)).await;
        answer.unwrap_or(Err(AuthError::Unavailable))
    }
}

/// Whether somebody lacks something that they had.
fn is_less(now: &Viewer, before: &Viewer) -> bool {
    now.organization != before.organization
        || now.actor.id != before.actor.id
        || now.folders != before.folders
        || now.roles != before.roles
        || !now.permissions.contains_all(before.permissions)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures::FutureExt;
    use futures::future::BoxFuture;
    use ids::{OrganizationId, SessionId, UserId};
    use service::viewer::{Permission, Permissions};

    use super::*;
    use crate::viewers::Authenticate;

    /// Answers what it was told to.
    struct Told(Mutex<Result<Option<Viewer>, AuthError>>);

    impl Authenticate for Told {
        fn authenticate<'a>(
            &'a self,
            _headers: &'a HeaderMap,
            _origin: &'a Origin,
        ) -> BoxFuture<'a, Result<Option<Admitted>, AuthError>> {
            let answer = self.0.lock().unwrap().clone();
            futures::future::ready(answer.map(|viewer| viewer.map(Admitted::from))).boxed()
        }
    }

    fn somebody() -> Viewer {
        let credential = Credential::Session { user: UserId::new(), session: SessionId::new() };
        Viewer { credential, ..Viewer::owner(OrganizationId::new()) }
    }

    /// When and why a watch ends, if at `change_at` the answers become `then`.
    async fn watched(
        valid_for: Option<Duration>,
        change_at: Duration,
        then: impl FnOnce(Viewer) -> Result<Option<Viewer>, AuthError>,
    ) -> (Duration, Ended) {
        let viewer = somebody();
        let told = Arc::new(Told(Mutex::new(Ok(Some(viewer.clone())))));
        let admitted = Admitted { viewer: viewer.clone(), valid_for };
        let watch = Watch::new(told.clone(), HeaderMap::new(), Origin::default(), &admitted).unwrap();
        let begin = Instant::now();
        let change = async {
            sleep_until(begin + change_at).await;
            *told.0.lock().unwrap() = then(viewer);
            std::future::pending::<()>().await;
        };
        let ended = tokio::select! {
            ended = watch.ended() => ended,
            () = change => unreachable!("it never ends"),
        };
        (begin.elapsed(), ended)
    }

    const SOON: Duration = Duration::from_secs(70);

    #[tokio::test(start_paused = true)]
    async fn who_was_signed_out_or_removed_is_served_no_more_after_half_a_minute() {
        let (after, ended) = watched(None, SOON, |_viewer| Err(AuthError::Unauthenticated)).await;
        assert_eq!(ended, Ended::Unauthenticated);
        assert!(after > SOON && after <= SOON + RECHECK, "{after:?}");
        assert_eq!(watched(None, SOON, |_viewer| Ok(None)).await.1, Ended::Unauthenticated);
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_do_less_has_to_begin_again() {
        let less: Permissions = [Permission::WorkflowRead].into_iter().collect();
        let (after, ended) = watched(None, SOON, |viewer| Ok(Some(Viewer { permissions: less, ..viewer }))).await;
        assert_eq!(ended, Ended::Reduced);
        assert!(after <= SOON + RECHECK, "{after:?}");
        let folders: Arc<[String]> = Arc::from(vec!["sales".to_owned()]);
        let narrowed = |viewer| Ok(Some(Viewer { folders: Some(folders), ..viewer }));
        assert_eq!(watched(None, SOON, narrowed).await.1, Ended::Reduced);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_is_over_ends_what_it_opened_to_the_second() {
        let (after, ended) = watched(Some(Duration::from_secs(101)), SOON, |viewer| Ok(Some(viewer))).await;
        assert_eq!(ended, Ended::Unauthenticated);
        assert_eq!(after.as_secs(), 101);
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_is_away_for_a_moment_ends_nothing_and_one_that_stays_away_does() {
        let (after, ended) = watched(None, SOON, |_viewer| Err(AuthError::Unavailable)).await;
        assert_eq!(ended, Ended::Unknown);
        assert!(after > SOON + RECHECK && after <= SOON + LONGEST_DOUBT + RECHECK, "{after:?}");
    }

    #[test]
    fn nobody_watches_an_installation_without_sign_in() {
        let told = Arc::new(Told(Mutex::new(Ok(None))));
        let owner = Admitted::from(Viewer::owner(OrganizationId::new()));
        assert!(Watch::new(told, HeaderMap::new(), Origin::default(), &owner).is_none());
    }
}
