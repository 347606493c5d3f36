//! Mail to people: short plain texts, sent off the request, tried again for a while.
//!
//! A mail that is lost can be asked for again, so nothing of it is stored. Links carry their token in the fragment,
//! which browsers send to no server and which therefore stands in no log.

mod sender;
mod texts;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use store::Delays;
use tokio::sync::{Semaphore, mpsc};

use crate::error::chain;

pub use sender::MailError;
pub use texts::{account_exists, approval, invitation, password_changed, reset_password, verify_email};

use sender::Sender;

/// How many mails may be on their way; more are dropped.
const MOST_UNDER_WAY: usize = 256;
/// How often one is tried.
const TRIES: usize = 5;
/// About how long the first pause between two tries is.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// About how long the longest pause is.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// A mail to one person. Its text holds a secret when it has a link.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Address.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// What a mail has beside its text when its sender waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heading<'a> {
    /// Tells it from every other mail. The same text gives the same `Message-ID`, by which a receiver can tell that it
    /// got a mail twice.
    pub id: &'a str,
    /// Where answers go instead of to the sender.
    pub reply_to: Option<&'a str>,
}

/// Sends mail, or nothing when none is set up; cheap to clone.
#[derive(Clone, Default)]
pub struct Mailer(Option<Arc<Post>>);

struct Post {
    sender: Sender,
    places: Arc<Semaphore>,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Mailer(***)" } else { "Mailer(off)" })
    }
}

impl Mailer {
    /// The mailer that `url` names, with `from` as the sender: `smtp://user:password@host:port`, `smtps://…`,
    /// `file:FOLDER`, or nothing for none.
    ///
    /// # Errors
    /// When one of both cannot be used; the error does not show the password.
    pub fn parse(url: &str, from: &str) -> Result<Self, MailError> {
        if url.is_empty() { Ok(Self::default()) } else { Ok(Self::of(Sender::parse(url, from)?)) }
    }

    /// Hands every mail to a receiver, for tests.
    #[must_use]
    pub fn to_channel() -> (Self, mpsc::UnboundedReceiver<Mail>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self::of(Sender::Channel(sender)), receiver)
    }

    fn of(sender: Sender) -> Self {
        Self(Some(Arc::new(Post { sender, places: Arc::new(Semaphore::new(MOST_UNDER_WAY)) })))
    }

    /// Whether mail is sent at all.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// How many mails may be sent now without being dropped; any number when none is sent at all.
    #[must_use]
    pub fn free(&self) -> usize {
        self.0.as_ref().map_or(usize::MAX, |post| post.places.available_permits())
    }

    /// Sends a mail and waits until the server took it; tried once.
    ///
    /// A server that took it may not have told so before the connection broke: whoever tries again sends it twice.
    ///
    /// # Errors
    /// When it cannot be written or was not taken, or no mail is sent at all.
    pub async fn send_now(&self, mail: &Mail, heading: Heading<'_>) -> Result<(), MailError> {
        let post = self.0.as_ref().ok_or(MailError::Off)?;
        let sent = post.sender.send(mail, Some(heading)).await;
        let outcome = if sent.is_ok() { "sent" } else { "failed" };
        metrics::counter!("sluice_mails_total", "outcome" => outcome).increment(1);
        sent
    }

    /// Sends a mail in the background.
    pub fn send(&self, mail: Mail) {
        let Some(post) = self.0.clone() else { return };
        let Ok(place) = Arc::clone(&post.places).try_acquire_owned() else {
            metrics::counter!("sluice_mails_total", "outcome" => "dropped").increment(1);
            tracing::warn!(subject = mail.subject, "a mail was dropped, {MOST_UNDER_WAY} are on their way already");
            return;
        };
        tokio::spawn(async move {
            let _held = place;
            deliver(&post.sender, mail).await;
        });
    }
}

async fn deliver(sender: &Sender, mail: Mail) {
    let mut pauses = Delays::new(FIRST_PAUSE, LONGEST_PAUSE);
    for number in 1..=TRIES {
        match sender.send(&mail, None).await {
            Ok(()) => {
                metrics::counter!("sluice_mails_total", "outcome" => "sent").increment(1);
                return;
            }
            Err(problem) if number == TRIES || problem.is_final() => {
                metrics::counter!("sluice_mails_total", "outcome" => "failed").increment(1);
                tracing::error!(
                    subject = mail.subject, tries = number, error = %chain(&problem),
                    "a mail could not be sent and is given up; whoever waits for it can ask for it again"
                );
                return;
            }
            Err(problem) => {
                let pause = pauses.next_delay();
                tracing::warn!(
                    subject = mail.subject, tries = number, next_ms = pause.as_millis(), error = %chain(&problem),
                    "a mail could not be sent, will be tried again"
                );
                tokio::time::sleep(pause).await;
            }
        }
    }
}

#[cfg(test)]
impl Mailer {
    /// Keeps places as mails on their way do.
    pub(crate) fn keep(&self, count: u32) -> tokio::sync::OwnedSemaphorePermit {
        let post = self.0.as_ref().expect("mail is sent");
        Arc::clone(&post.places).try_acquire_many_owned(count).expect("as many are free")
    }
}
