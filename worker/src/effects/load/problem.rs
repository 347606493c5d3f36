//! How fetching fails.

use std::time::Duration;

use engine::machine::{ErrorClass, StepError};
use serde_json::json;

use crate::egress::{ConnectError, Denied};

/// What another attempt would meet again.
pub(super) fn misused(code: &str, at: &str, what: &str) -> StepError {
    StepError::other(code, format!("{at}: {what}"))
}

/// What another attempt may not meet.
pub(super) fn failed(code: &str, at: &str, what: &str) -> StepError {
    StepError { retryable_class: ErrorClass::Connection, ..misused(code, at, what) }
}

/// No answer in time.
pub(super) fn slow(at: &str, limit: Duration) -> StepError {
    let what = format!("no complete answer within {limit:?}");
    StepError { retryable_class: ErrorClass::Timeout, ..misused("STEP_TIMEOUT", at, &what) }
}

/// There is no connection.
pub(super) fn connecting(at: &str, problem: &ConnectError) -> StepError {
    match problem {
        ConnectError::Denied(Denied::Address(_) | Denied::Port) | ConnectError::Port { .. } => {
            let what = format!("{problem}; an operator can allow the host with SLUICE_EGRESS_ALLOW");
            misused("EGRESS_DENIED", at, &what)
        }
        ConnectError::Denied(_) => misused("EGRESS_DENIED", at, &problem.to_string()),
        ConnectError::Unresolved(_) => failed("DNS_FAILED", at, &problem.to_string()),
        ConnectError::Refused => failed("CONNECTION_REFUSED", at, &problem.to_string()),
        ConnectError::Failed(_) => failed("CONNECTION_FAILED", at, &problem.to_string()),
    }
}

/// The failure of an execution that cannot do without a resource: with its own code where a retry would not help.
pub(super) fn of_required(name: &str, error: StepError) -> StepError {
    let code = if may_pass(error.retryable_class) { "RESOURCE_UNAVAILABLE".to_owned() } else { error.code.clone() };
    let detail = json!({ "resource": name, "code": error.code, "detail": error.detail });
    let message = format!("resource `{name}`: {}", error.message);
    StepError { code, message, detail: Some(detail), ..error }
}

/// Whether another attempt may meet something else.
pub(super) const fn may_pass(class: ErrorClass) -> bool {
    match class {
        ErrorClass::Timeout | ErrorClass::Connection => true,
        ErrorClass::Http(status) => status == 408 || status == 429 || status >= 500,
        ErrorClass::Other => false,
    }
}

/// Of the failures of one effect, the one that decides what becomes of it: one that stays, else the first.
pub(super) fn deciding(failures: Vec<StepError>) -> Option<StepError> {
    let lasting = failures.iter().position(|error| !may_pass(error.retryable_class));
    failures.into_iter().nth(lasting.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::Forbidden;

    #[test]
    fn a_failure_that_stays_decides_and_keeps_its_code() {
        let (slow, wrong) =
            (slow("db:5432", Duration::from_secs(3)), misused("SQL_FAILED", "db:5432", "no such table"));
        let decided = deciding(vec![of_required("a", slow.clone()), of_required("b", wrong)]).unwrap();
        assert_eq!(decided.code, "SQL_FAILED");
        assert_eq!(decided.message, "resource `b`: db:5432: no such table");
        let decided = deciding(vec![of_required("a", slow)]).unwrap();
        assert_eq!((decided.code.as_str(), decided.retryable_class), ("RESOURCE_UNAVAILABLE", ErrorClass::Timeout));
        assert_eq!(decided.detail.unwrap()["code"], "STEP_TIMEOUT");
        assert_eq!(deciding(Vec::new()), None);
    }

    #[test]
    fn a_denied_address_is_not_shown_and_the_remedy_is() {
        let error = connecting("db:5432", &ConnectError::Denied(Denied::Address(Forbidden::Private)));
        assert_eq!(error.code, "EGRESS_DENIED");
        assert!(error.message.contains("SLUICE_EGRESS_ALLOW"), "{error:?}");
    }
}
