//! The page that tells why a sign-in did not succeed: a code, what to do, and nothing about others.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use service::chain;
use service::identity::oidc::Refusal;

/// No script, no picture, no frame, no form.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const HEADERS: [(HeaderName, HeaderValue); 2] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
];

/// The page of a refusal. The cause goes to the log.
pub(super) fn refusal(refusal: &Refusal) -> Response {
    let code = refusal.code();
    let status = status(refusal);
    if status.is_server_error() {
        tracing::warn!(code = code.as_str(), error = %chain(refusal), "a sign-in with an identity provider failed");
    } else {
        tracing::info!(code = code.as_str(), error = %chain(refusal), "a sign-in with an identity provider was refused");
    }
    metrics::counter!("sluice_sign_ins_refused_total", "code" => code.as_str()).increment(1);
    let (what, remedy) = (escaped(&shown(refusal)), refusal.remedy());
    let code = code.as_str();
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Sign-in failed</title>\n\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:36em;margin:15vh auto;padding:0 1em}}</style>\n\
         <h1>Sign-in failed</h1>\n<p>{what}.</p>\n<p>{remedy}</p>\n\
         <p><a href=\"/docs/errors/{code}\"><code>{code}</code></a></p>\n</html>\n"
    );
    (status, HEADERS, page).into_response()
}

/// What is shown: our own sentences, and of mistakes what they say.
fn shown(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Service(service::ServiceError::Mistakes(mistakes)) => {
            mistakes.iter().map(|mistake| mistake.message.as_str()).collect::<Vec<_>>().join(". ")
        }
        Refusal::Service(service::ServiceError::Internal { .. }) => "something broke on our side".to_owned(),
        other => other.to_string(),
    }
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::UnknownProvider => StatusCode::NOT_FOUND,
        Refusal::ReturnTo | Refusal::Stale | Refusal::MixedUp | Refusal::Untrusted(_) => StatusCode::BAD_REQUEST,
        Refusal::NotSignedIn => StatusCode::UNAUTHORIZED,
        Refusal::Declined(_) | Refusal::NoRole | Refusal::Inactive => StatusCode::FORBIDDEN,
        Refusal::AccountExists | Refusal::LinkedElsewhere => StatusCode::CONFLICT,
        Refusal::Provider(_) => StatusCode::BAD_GATEWAY,
        Refusal::ClientSecret(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Refusal::Service(error) => match error {
            service::ServiceError::Unauthenticated => StatusCode::UNAUTHORIZED,
            service::ServiceError::Forbidden(_) | service::ServiceError::Mistakes(_) => StatusCode::FORBIDDEN,
            service::ServiceError::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            service::ServiceError::Unavailable(_) | service::ServiceError::Overloaded => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            service::ServiceError::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        },
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
