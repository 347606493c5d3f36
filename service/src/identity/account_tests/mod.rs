//! People sign up, in and out against a real store, with a clock that stands still.

mod attempts;
mod mail;
mod passwords;
mod sessions;
mod tokens;

use async_recursion::async_recursion as boxed;
use std::net::IpAddr;
use std::time::Duration;

use engine::Timestamp;
use ids::UserId;
use queue::{Notices, WorkQueue};
use store::{DatabaseUrl, Store, StoreConfig};
use tokio::sync::mpsc::UnboundedReceiver;

use super::bootstrap::{self, Existing};
use super::registration::{NewAccount, Ticket};
use super::sessions::SignedIn;
use super::{SignUp, account, recognise};
use crate::error::ServiceError;
use crate::mail::{Mail, Mailer};
use crate::services::{Services, Settings};
use crate::viewer::{Origin, Viewer};
use crate::{Clock, Code};

pub(super) const PASSWORD: &str = "correct horse battery staple";
pub(super) const OTHER: &str = "eleven blue chairs at noon";

pub(super) struct Bed {
    pub services: Services,
    pub clock: Clock,
    pub mails: UnboundedReceiver<Mail>,
    _folder: tempfile::TempDir,
}

impl Bed {
    /// With mail, and open to everybody.
    #[boxed]
    pub async fn new() -> Self {
        Self::with(SignUp::Open, true).await
    }

    #[boxed]
    pub async fn with(sign_up: SignUp, has_mail: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite(folder.path().join("test.db"));
        let store = Store::connect(&StoreConfig::new(url)).await.unwrap();
        store.migrate_up().await.unwrap();
        let clock = Clock::fake(Timestamp(1_800_000_000_000));
        let (mailer, mails) = Mailer::to_channel();
        let mailer = if has_mail { mailer } else { Mailer::default() };
        let settings = Settings { sign_up, mailer, ..Settings::default() };
        let (queue, notices) = (WorkQueue::memory(), Notices::memory());
        let services = Services::new(store, queue, notices, clock.clone(), settings).await.unwrap();
        Self { services, clock, mails, _folder: folder }
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Ada, owner of the default organization.
    #[boxed]
    pub async fn ada(&self) -> UserId {
        let existing = Existing::Overrule;
        let made = bootstrap::make_owner(&self.services, "ada@example.com", None, PASSWORD, existing, &from(1)).await;
        made.unwrap()
    }

    #[boxed]
    pub async fn sign_in(&self, email: &str, password: &str) -> Result<SignedIn, ServiceError> {
        account::sign_in(&self.services, email, password, &from(1)).await
    }

    #[boxed]
    pub async fn viewer(&self, signed_in: &SignedIn) -> Viewer {
        recognise(&self.services, &signed_in.access_token, &from(1)).await.unwrap().viewer
    }

    /// The token in the link of the next mail, which has this subject.
    #[boxed]
    pub async fn mailed_token(&mut self, subject: &str) -> String {
        let mail = self.mails.recv().await.unwrap();
        assert_eq!(mail.subject, subject);
        mail.text.split("#token=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
    }
}

/// A request from the address with this last number.
pub(super) fn from(number: u8) -> Origin {
    Origin { address: Some(IpAddr::from([192, 0, 2, number])), ..Origin::default() }
}

pub(super) fn newcomer(email: &str) -> NewAccount {
    NewAccount {
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        display_name: "Grace Hopper".to_owned(),
        ticket: Ticket::None,
    }
}

/// Field and code of every mistake.
pub(super) fn mistakes<T: std::fmt::Debug>(outcome: Result<T, ServiceError>) -> Vec<(String, Code)> {
    match outcome.unwrap_err() {
        ServiceError::Mistakes(mistakes) => {
            mistakes.into_iter().map(|mistake| (mistake.field.join("."), mistake.code)).collect()
        }
        other => unreachable!("{other:?}"),
    }
}

pub(super) fn wait_of<T: std::fmt::Debug>(outcome: Result<T, ServiceError>) -> Option<Duration> {
    match outcome {
        Err(ServiceError::RateLimited { wait }) => Some(wait),
        _other => None,
    }
}
