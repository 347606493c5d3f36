//! Follows numbers live.

use std::time::Duration;

use futures::Stream;
use ids::WorkflowId;
use store::{Measured, RollupBy, RollupRow};

use super::{Numbers, OF_TOTALS, Scope, Window, WindowRequest, folded, read};
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::pace::{self, Pace};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// The shortest distance of two items.
pub const MIN_EVERY: Duration = Duration::from_secs(1);
/// The distance of two items for whoever says nothing.
pub const DEFAULT_EVERY: Duration = Duration::from_secs(5);
/// The longest distance of two items.
const MAX_EVERY: Duration = Duration::from_hours(24);
/// Numbers are looked at without news after so long, because a window moves on by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Numbers of a window at a moment.
#[derive(Debug, Clone)]
pub struct Update {
    /// What was looked at.
    pub scope: Scope,
    /// What [`super::totals`] tells of it.
    pub totals: Numbers,
    /// Everything that was counted in it, also of steps and approvals.
    everything: Numbers,
}

/// Totals follow from the rest.
impl PartialEq for Update {
    fn eq(&self, other: &Self) -> bool {
        self.scope == other.scope && self.everything == other.everything
    }
}

/// The numbers of a window at once, and again whenever something was counted in it or it has moved on by a quarter of an
/// hour, once in `every` at most; never ends. What is read for it is as large as the window, whatever has happened in it; whoever
/// follows the same in this process is told of the same looks.
///
/// # Errors
/// `Forbidden`; `INVALID` for a window as [`Window::resolve`] tells, and for `every` of less than a second or more than
/// a day; the database is away.
pub fn updates(
    services: &Services,
    viewer: &Viewer,
    window: WindowRequest,
    workflows: Option<Vec<WorkflowId>>,
    every: Duration,
) -> Result<impl Stream<Item = Result<Update, ServiceError>> + Send + use<>, ServiceError> {
    viewer.require(Permission::AnalyticsRead)?;
    if !(MIN_EVERY..=MAX_EVERY).contains(&every) {
        let mistake = Mistake::new(Code::Invalid, "every", "`every` is a second to a day");
        return Err(ServiceError::mistake(mistake));
    }
    Window::resolve(services, window)?;
    let (organization, folders) = (viewer.organization, viewer.folders.clone());
    let key = format!("{organization} {folders:?} {window:?} {workflows:?} {every:?}");
    let (all, viewer) = (services.clone(), viewer.clone());
    Ok(services.followed_numbers().follow(key, move || {
        let pace = Pace::new(all.live().organization(organization), every, Ord::max(PATIENCE, every));
        let (services, viewer, workflows) = (all.clone(), viewer.clone(), workflows.clone());
        pace::changes(pace, move || {
            let (services, viewer, workflows) = (services.clone(), viewer.clone(), workflows.clone());
            async move {
                let scope = Scope { window: Window::resolve(&services, window)?, workflows };
                look(&services, &viewer, scope).await
            }
        })
    }))
}

async fn look(services: &Services, viewer: &Viewer, scope: Scope) -> Result<Update, ServiceError> {
    let rows = read(services, viewer, &scope, Measured::ALL.to_vec(), RollupBy::Nothing).await?;
    let everything = folded(&rows);
    let of_totals: Vec<RollupRow> = rows.into_iter().filter(|row| OF_TOTALS.contains(&row.what)).collect();
    Ok(Update { scope, totals: folded(&of_totals), everything })
}
