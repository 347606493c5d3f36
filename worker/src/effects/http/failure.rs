//! How an HTTP action fails: a code, a class for the retry policy, and a sentence without secrets.

use std::error::Error;
use std::io;
use std::time::Duration;

use engine::machine::{ErrorClass, StepError};
use serde_json::Value;

use crate::egress::{Denied, LookupFailed, TargetError};

/// Why an exchange failed; becomes a [`StepError`] once method and host are known.
#[derive(Debug)]
pub(super) struct Failure {
    code: &'static str,
    class: ErrorClass,
    what: String,
    status: Option<u16>,
    retry_after: Option<Duration>,
    detail: Option<Value>,
}

impl Failure {
    /// A failure that another attempt would meet again.
    pub(super) fn lasting(code: &'static str, what: impl Into<String>) -> Self {
        Self::new(code, ErrorClass::Other, what)
    }

    fn new(code: &'static str, class: ErrorClass, what: impl Into<String>) -> Self {
        Self { code, class, what: what.into(), status: None, retry_after: None, detail: None }
    }

    /// The step's time was over before the answer was complete.
    pub(super) fn timed_out(limit: Duration) -> Self {
        Self::new("STEP_TIMEOUT", ErrorClass::Timeout, format!("no complete answer within {limit:?}"))
    }

    /// The execution was cancelled, or its worker gives it up.
    pub(super) fn cancelled() -> Self {
        Self::lasting("CANCELLED", "cancelled before the answer was complete")
    }

    /// An answer with a status that is not a success.
    pub(super) fn status(status: u16, retry_after: Option<Duration>, detail: Value) -> Self {
        Self {
            status: Some(status),
            retry_after,
            detail: Some(detail),
            ..Self::new("HTTP_STATUS", ErrorClass::Http(status), format!("answered with status {status}"))
        }
    }

    /// Notes the status of the answer that could not be used.
    pub(super) fn with_status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// An answer larger than its limit.
    pub(super) fn too_large(what: impl Into<String>) -> Self {
        Self::lasting("RESPONSE_TOO_LARGE", what)
    }

    /// An error of the client, told apart by its causes. The client's own text is not used: it holds the URL.
    pub(super) fn transport(error: &reqwest::Error) -> Self {
        for cause in causes(error) {
            if let Some(denied) = cause.downcast_ref::<Denied>() {
                return denied.clone().into();
            }
            if cause.is::<LookupFailed>() {
                return Self::new("DNS_FAILED", ErrorClass::Connection, "the host name cannot be resolved");
            }
            if let Some(tls) = tls_error(cause) {
                return Self::lasting("TLS_FAILED", format!("no secure connection: {}", tls_reason(tls)));
            }
            if let Some(hyper) = cause.downcast_ref::<hyper::Error>()
                && hyper.is_parse_too_large()
            {
                return Self::too_large("the response headers are too large");
            }
        }
        let refused = io_kinds(error).any(|kind| kind == io::ErrorKind::ConnectionRefused);
        let (code, what) = if refused {
            ("CONNECTION_REFUSED", "the connection was refused")
        } else if error.is_connect() && error.is_timeout() {
            ("CONNECTION_FAILED", "no connection in time")
        } else if error.is_connect() {
            ("CONNECTION_FAILED", "no connection could be made")
        } else if causes(error).any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)) {
            ("CONNECTION_FAILED", "the answer is not HTTP")
        } else {
            ("CONNECTION_FAILED", "the connection broke before the answer was complete")
        };
        Self::new(code, ErrorClass::Connection, what)
    }

    /// The error of the step: method, host, what happened.
    pub(super) fn into_step_error(self, method: &str, host: Option<&str>) -> StepError {
        let Self { code, class, what, status, retry_after, detail } = self;
        let message = match host {
            Some(host) => format!("{method} {host}: {what}"),
            None => format!("{method}: {what}"),
        };
        StepError { code: code.to_owned(), message, status, retryable_class: class, retry_after, detail }
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        let what = match denied {
            Denied::Address(_) | Denied::Port => {
                format!("{denied}; an operator can allow the host with SLUICE_EGRESS_ALLOW")
            }
            Denied::MetadataName | Denied::Scheme | Denied::Downgrade => denied.to_string(),
        };
        Self::lasting("EGRESS_DENIED", what)
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Denied(denied) => denied.into(),
            TargetError::Invalid(_) | TargetError::ControlCharacter | TargetError::Credentials => {
                Self::lasting("INVALID_URL", error.to_string())
            }
        }
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn io_kinds(error: &(dyn Error + 'static)) -> impl Iterator<Item = io::ErrorKind> {
    causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind)
}

/// `source()` of an I/O error skips the error inside it, where the TLS error sits, in one wrapping or two.
fn tls_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match cause.downcast_ref::<io::Error>() {
        Some(wrapping) => wrapping.get_ref().and_then(|inside| tls_error(inside)),
        None => cause.downcast_ref(),
    }
}

fn tls_reason(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(problem) => match problem {
            rustls::CertificateError::Expired | rustls::CertificateError::ExpiredContext { .. } => {
                "the certificate has expired"
            }
            rustls::CertificateError::NotValidForName | rustls::CertificateError::NotValidForNameContext { .. } => {
                "the certificate is for another name"
            }
            rustls::CertificateError::UnknownIssuer => "the certificate's issuer is not trusted",
            _ => "the certificate is not valid",
        },
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS",
        rustls::Error::PeerIncompatible(_) | rustls::Error::AlertReceived(_) => {
            "client and server have no TLS version or cipher in common"
        }
        _ => "the TLS handshake failed",
    }
}
