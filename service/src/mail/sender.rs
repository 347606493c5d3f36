//! The ways out: SMTP, files for development, a channel for tests.

use std::path::PathBuf;
use std::time::Duration;

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Heading, Mail};
use crate::hex;

/// Longest time that a server may take for one step.
const PATIENCE: Duration = Duration::from_secs(20);

/// A way out.
pub(super) enum Sender {
    /// A mail server.
    Smtp { transport: Box<AsyncSmtpTransport<Tokio1Executor>>, from: Mailbox },
    /// A folder: each mail is a file, for whoever develops.
    Folder { folder: PathBuf, from: Mailbox },
    /// A test that looks.
    Channel(mpsc::UnboundedSender<Mail>),
}

/// Why a mail was not sent, or cannot be.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The setting names no way out.
    #[error("this is neither smtp://, smtps:// nor file:")]
    UnknownScheme,
    /// The setting of the server cannot be used.
    #[error("the address of the mail server cannot be used")]
    Server(#[source] smtp::Error),
    /// The sender or the receiver is no mail address.
    #[error("`{0}` is no mail address")]
    Address(String, #[source] lettre::address::AddressError),
    /// It cannot be written as a mail.
    #[error("the text cannot be written as a mail")]
    Message(#[source] lettre::error::Error),
    /// The server refused or is away.
    #[error("the mail server did not take it")]
    Refused(#[source] smtp::Error),
    /// The file cannot be written.
    #[error("the mail cannot be written into `{folder}`")]
    File {
        /// Where.
        folder: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No mail is sent at all.
    #[error("no mail is sent: there is no mail server")]
    Off,
    /// Nobody looks any more.
    #[error("nobody receives mail")]
    Closed,
}

impl MailError {
    /// Trying again would not help.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Refused(problem) => problem.is_permanent(),
            Self::File { .. } => false,
            Self::UnknownScheme | Self::Server(_) | Self::Address(..) | Self::Message(_) => true,
            Self::Off | Self::Closed => true,
        }
    }
}

impl Sender {
    pub(super) fn parse(url: &str, from: &str) -> Result<Self, MailError> {
        let from = mailbox(from)?;
        if let Some(folder) = url.strip_prefix("file:") {
            return Ok(Self::Folder { folder: PathBuf::from(folder), from });
        }
        if !url.starts_with("smtp://") && !url.starts_with("smtps://") {
            return Err(MailError::UnknownScheme);
        }
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&encrypted(url)).map_err(MailError::Server)?;
        Ok(Self::Smtp { transport: Box::new(transport.timeout(Some(PATIENCE)).build()), from })
    }

    pub(super) async fn send(&self, mail: &Mail, heading: Option<Heading<'_>>) -> Result<(), MailError> {
        match self {
            Self::Smtp { transport, from } => {
                let message = message(mail, from, heading)?;
                transport.send(message).await.map_err(MailError::Refused)?;
                Ok(())
            }
            Self::Folder { folder, from } => {
                let text = message(mail, from, heading)?.formatted();
                let failed = |source| MailError::File { folder: folder.display().to_string(), source };
                tokio::fs::create_dir_all(folder).await.map_err(failed)?;
                // Whoever looks into the folder sees whole mails only.
                let name = Uuid::now_v7();
                let (half, whole) = (folder.join(format!(".{name}")), folder.join(format!("{name}.eml")));
                tokio::fs::write(&half, text).await.map_err(failed)?;
                tokio::fs::rename(&half, &whole).await.map_err(failed)
            }
            Self::Channel(sender) => sender.send(mail.clone()).map_err(|_closed| MailError::Closed),
        }
    }
}

/// The address with encryption required, where it says nothing: only to this machine mail goes in the open.
fn encrypted(url: &str) -> String {
    let host = url.split("://").nth(1).unwrap_or_default().split(['/', '?']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let is_near = ["localhost", "127.0.0.1", "[::1]"]
        .iter()
        .any(|near| host.strip_prefix(near).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')));
    if url.starts_with("smtps://") || url.contains("tls=") || is_near {
        return url.to_owned();
    }
    format!("{url}{}tls=required", if url.contains('?') { '&' } else { '?' })
}

fn mailbox(text: &str) -> Result<Mailbox, MailError> {
    text.parse().map_err(|problem| MailError::Address(text.to_owned(), problem))
}

fn message(mail: &Mail, from: &Mailbox, heading: Option<Heading<'_>>) -> Result<Message, MailError> {
    let mut builder = Message::builder().from(from.clone()).to(mailbox(&mail.to)?).subject(mail.subject.clone());
    if let Some(Heading { id, reply_to }) = heading {
        let digest = hex(&Sha256::digest(id)[..16]);
        builder = builder.message_id(Some(format!("<{digest}@{}>", from.email.domain())));
        if let Some(reply_to) = reply_to {
            builder = builder.reply_to(mailbox(reply_to)?);
        }
    }
    builder.header(ContentType::TEXT_PLAIN).body(mail.text.clone()).map_err(MailError::Message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_to_another_machine_encrypted_only() {
        assert_eq!(encrypted("smtp://u:p@mail.example.com:587"), "smtp://u:p@mail.example.com:587?tls=required");
        for url in ["smtps://u:p@mail.example.com", "smtp://mail.example.com?tls=none", "smtp://127.0.0.1:1025"] {
            assert_eq!(encrypted(url), url);
        }
        assert_eq!(encrypted("smtp://localhost.example.com"), "smtp://localhost.example.com?tls=required");
    }

    #[test]
    fn what_is_no_way_out_is_refused_without_showing_the_password() {
        for (url, from) in [
            ("http://u:secret@x", "a@b.example"),
            ("smtp://u:secret@x", "nobody"),
            ("smtp://u:secret@x:port", "a@b.example"),
        ] {
            let problem = Sender::parse(url, from).err().unwrap();
            assert!(!format!("{} {problem:?}", crate::chain(&problem)).contains("secret"), "{problem:?}");
        }
    }

    #[tokio::test]
    async fn a_mail_in_a_folder_is_whole_and_has_one_receiver() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file:{}", folder.path().display());
        let sender = Sender::parse(&url, "Sluice <sluice@example.com>").unwrap();
        let mail = Mail { to: "ada@example.com".to_owned(), subject: "Grüße".to_owned(), text: "Hello\n".to_owned() };
        sender.send(&mail, None).await.unwrap();
        let entry = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
        let text = std::fs::read_to_string(entry.path()).unwrap();
        assert!(text.contains("To: ada@example.com") && text.contains("Hello"), "{text}");
        let bad = Mail { to: "a@b.example\r\nBcc: x@y.example".to_owned(), ..mail };
        assert!(matches!(sender.send(&bad, None).await, Err(MailError::Address(..))));
    }

    #[test]
    fn the_same_mail_has_the_same_message_id_and_another_one_another() {
        let from = mailbox("Sluice <sluice@example.com>").unwrap();
        let mail = Mail { to: "ada@example.com".to_owned(), subject: "A".to_owned(), text: "b".to_owned() };
        let id = |id: &str| {
            let heading = Heading { id, reply_to: Some("shop@example.com") };
            let text = String::from_utf8(message(&mail, &from, Some(heading)).unwrap().formatted()).unwrap();
            assert!(text.contains("Reply-To: shop@example.com\r\n"), "{text}");
            text.lines().find(|line| line.starts_with("Message-ID: <")).unwrap().to_owned()
        };
        assert_eq!(id("exe_1/tell/0/0/ada@example.com"), id("exe_1/tell/0/0/ada@example.com"));
        assert_ne!(id("exe_1/tell/0/0/ada@example.com"), id("exe_1/tell/1/0/ada@example.com"));
        assert!(id("exe_1/a[17]/ü").ends_with("@example.com>"));
    }

    #[test]
    fn a_subject_makes_no_headers_of_its_own() {
        let from = mailbox("sluice@example.com").unwrap();
        let subject = "late\r\nBcc: eve@example.com".to_owned();
        let mail = Mail { to: "ada@example.com".to_owned(), subject, text: String::new() };
        let Ok(message) = message(&mail, &from, None) else { return };
        let text = String::from_utf8(message.formatted()).unwrap();
        assert!(!text.lines().any(|line| line.starts_with("Bcc:")), "{text}");
    }
}
