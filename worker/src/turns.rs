//! Turns of what may begin only so often: those who ask for the same at the same time are one statement.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::Timestamp;
use futures::FutureExt;
use futures::future::BoxFuture;
use ids::OrganizationId;
use service::Services;
use store::{Pace, RateKey, RateScope, StoreError};
use tokio::sync::oneshot;

use crate::effects::TakeTurn;

/// No turn could be taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TurnError {
    /// The database is away.
    #[error("no turn can be taken while the database is away")]
    Store(#[source] Arc<StoreError>),
    /// Whoever asked for it has ended, such as in a shutdown.
    #[error("nobody answers who asks for a turn")]
    Lost,
}

type Answer = Result<Timestamp, TurnError>;

/// Who takes turns of the same: asked for together, answered one by one.
type Line = (RateKey, Pace);

/// Takes turns in the database.
#[derive(Debug, Clone)]
pub struct Turns {
    services: Services,
    waiting: Arc<Mutex<HashMap<Line, Vec<oneshot::Sender<Answer>>>>>,
}

impl Turns {
    /// Turns of the fleet that shares a database.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services, waiting: Arc::default() }
    }

    /// Takes the next turn; answers its moment.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn take_next(&self, key: RateKey, pace: Pace) -> Answer {
        let (answer, answered) = oneshot::channel();
        let line = (key, pace);
        let is_first = {
            let mut waiting = self.waiting();
            let others = waiting.get_mut(&line);
            let is_first = others.is_none();
            match others {
                Some(others) => others.push(answer),
                None => {
                    waiting.insert(line.clone(), vec![answer]);
                }
            }
            is_first
        };
        if is_first {
            // A task of its own: who is given up while it asks leaves nobody behind.
            let turns = self.clone();
            tokio::spawn(async move { turns.serve(line).await });
        }
        answered.await.unwrap_or(Err(TurnError::Lost))
    }

    /// Asks for those who wait, until nobody does.
    async fn serve(&self, line: Line) {
        while let Some(asked) = self.next_group(&line) {
            let count = u32::try_from(asked.len()).unwrap_or(u32::MAX);
            let now_ms = self.services.now().0;
            match self.services.store().take_turns(&line.0, line.1, count, now_ms).await {
                Ok(moments) => {
                    for (answer, moment) in asked.into_iter().zip(moments) {
                        // Who does not wait any more leaves its turn unused.
                        let _gone = answer.send(Ok(Timestamp(moment)));
                    }
                }
                Err(problem) => {
                    let problem = Arc::new(problem);
                    for answer in asked {
                        let _gone = answer.send(Err(TurnError::Store(Arc::clone(&problem))));
                    }
                }
            }
        }
    }

    fn next_group(&self, line: &Line) -> Option<Vec<oneshot::Sender<Answer>>> {
        let mut waiting = self.waiting();
        let asked = waiting.get_mut(line).map(std::mem::take).filter(|asked| !asked.is_empty());
        if asked.is_none() {
            waiting.remove(line);
        }
        asked
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Line, Vec<oneshot::Sender<Answer>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TakeTurn for Turns {
    fn take<'a>(&'a self, organization: OrganizationId, host: &'a str, pace: Pace) -> BoxFuture<'a, Answer> {
        let key = RateKey { organization_id: organization, scope: RateScope::Service, key: host.to_owned() };
        self.take_next(key, pace).boxed()
    }

    fn now(&self) -> Timestamp {
        self.services.now()
    }
}
