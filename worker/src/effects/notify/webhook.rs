//! Channel `webhook`: the message as JSON to a service of the organization, signed when the service wants that.

use serde_json::json;
use service::parts::Service;

use super::{Said, Sent, Unsent, id, post};
use crate::effects::call::Call;

pub(super) async fn send(call: &Call<'_>, service: &Service, said: &Said<'_>) -> Result<Sent, Unsent> {
    let body = json!({
        "recipient": said.recipient, "subject": said.subject, "message": said.message, "data": said.data,
    });
    let answer = post(call, service, body, &said.key, true).await?;
    Ok(id(&answer, &["id"]))
}
