//! Credentials that are over while a stream goes on.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use futures::FutureExt;
use futures::future::BoxFuture;
use ids::{OrganizationId, SessionId, UserId};
use serde_json::json;
use service::viewer::Credential;
use service::{Origin, Viewer};
use sluice_api::{Admitted, AuthError, Authenticate, Health};

use crate::front_door::support::{Door, config, door_for, post};

/// Lets everybody in for a moment.
struct Moment(Duration);

impl Authenticate for Moment {
    fn authenticate<'a>(
        &'a self,
        _headers: &'a HeaderMap,
        _origin: &'a Origin,
    ) -> BoxFuture<'a, Result<Option<Admitted>, AuthError>> {
        let credential = Credential::Session { user: UserId::new(), session: SessionId::new() };
        let viewer = Viewer { credential, ..Viewer::owner(OrganizationId::new()) };
        futures::future::ready(Ok(Some(Admitted { viewer, valid_for: Some(self.0) }))).boxed()
    }
}

fn door() -> Door {
    door_for(config(), Health::default(), Arc::new(Moment(Duration::from_millis(200))), OrganizationId::new())
}

#[tokio::test]
async fn a_socket_is_closed_with_4403_when_its_credentials_are_over() {
    let server = door().serve().await;
    let mut socket = server.ready().await;
    socket.subscribe("1", "subscription { forever }").await;
    assert_eq!(socket.closed().await, (4403, "Forbidden".to_owned()));
}

#[tokio::test]
async fn a_stream_of_events_ends_with_an_error_when_its_credentials_are_over() {
    let mut request = post(json!({ "query": "subscription { forever }" }).to_string());
    request.headers_mut().insert(header::ACCEPT, "text/event-stream".parse().unwrap());
    let answer = door().send(request).await;
    assert_eq!(answer.status, StatusCode::OK);
    let text = answer.text();
    let last: Vec<&str> = text.trim_end().split("\n\n").filter(|event| event.contains("data:")).collect();
    let [.., error, complete] = last.as_slice() else { panic!("{text}") };
    assert!(error.starts_with("event: next") && error.contains("UNAUTHENTICATED"), "{text}");
    assert!(complete.starts_with("event: complete"), "{text}");
}
