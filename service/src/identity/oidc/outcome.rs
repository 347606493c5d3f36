//! What came of a sign-in: the session that it opens, and its entries in the audit log.

use async_recursion::async_recursion as boxed;
use ids::UserId;
use store::IdentityProviderRow;

use super::flow::{Answer, Completed, SingleSignOn};
use super::refusal::Refusal;
use crate::audit::{self, Change, NewEntry, Outcome};
use crate::error::chain;
use crate::identity::sessions;
use crate::viewer::{Actor, ActorKind, Origin};

/// What a sign-in is called in the audit log where nothing else has a name.
const ACTION: &str = "singleSignOn";

impl SingleSignOn {
    /// Finishes a sign-in with what came back, the browser's cookie for it, and who is signed in there already.
    /// What came of it is recorded; a state that nobody was given is not, as anybody can make one up.
    ///
    /// # Errors
    /// When anything does not fit, or whoever signed in may not.
    #[boxed]
    pub async fn finish(
        &self,
        answer: Answer,
        cookie: Option<&str>,
        signed_in: Option<UserId>,
        origin: &Origin,
    ) -> Result<Completed, Refusal> {
        let mut provider = None;
        let outcome = self.open(answer, cookie, signed_in, origin, &mut provider).await;
        if let Some(provider) = provider {
            self.record(&provider, &outcome, origin).await;
        }
        outcome
    }

    async fn open(
        &self,
        answer: Answer,
        cookie: Option<&str>,
        signed_in: Option<UserId>,
        origin: &Origin,
        provider: &mut Option<IdentityProviderRow>,
    ) -> Result<Completed, Refusal> {
        let arrived = self.arrive(answer, cookie, signed_in, origin, provider).await?;
        let session = if arrived.is_link {
            None
        } else {
            Some(sessions::open(self.services(), arrived.user, Some(arrived.organization), origin).await?)
        };
        Ok(Completed { user: arrived.user, return_to: arrived.return_to, session })
    }

    async fn record(&self, provider: &IdentityProviderRow, outcome: &Result<Completed, Refusal>, origin: &Origin) {
        let services = self.services();
        let entry = |actor: &Actor, outcome, change| NewEntry {
            organization: Some(provider.organization_id),
            actor: actor.clone(),
            action: ACTION.to_owned(),
            outcome,
            change,
            origin: origin.clone(),
        };
        // Of a refused sign-in as well: a membership that the provider ended is over.
        let changes = origin.trail.take().into_iter();
        let entries: Vec<NewEntry> = match outcome {
            Ok(completed) => {
                let id = completed.user.to_string();
                let actor = Actor { display_name: id.clone(), id, kind: ActorKind::User };
                changes.map(|change| entry(&actor, Outcome::Ok, change)).collect()
            }
            Err(refusal) => {
                let tried = Change::of("identity_provider", provider.id, &*provider.name);
                let refused = entry(&Actor::anonymous(), Outcome::of(refusal.code()), tried);
                let engine = Actor::system();
                changes.map(|change| entry(&engine, Outcome::Ok, change)).chain([refused]).collect()
            }
        };
        let count = entries.len() as u64;
        if let Err(problem) = audit::record_all(services, entries).await {
            metrics::counter!("sluice_audit_lost_total").increment(count);
            tracing::error!(
                error = %chain(&problem),
                provider.id = %provider.id,
                request.id = %origin.request_id,
                "the audit log could not be written; this line stands in for the entries of a sign-in"
            );
        }
    }
}
